import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const BUNDLE = join(ROOT, 'dist/checkout.cjs');

/**
 * What a process of the program is started from: the bundle, as in a release, where `npm run build` made one (a whole `npm
 * test` does, as a start costs a third less), and by itself the sources when they have changed since.
 */
export const MAIN = existsSync(BUNDLE) ? BUNDLE : join(ROOT, 'cli/main.ts');
