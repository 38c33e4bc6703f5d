import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPythonEnv } from './python-env.ts';

const VERSION = '4.32.5';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIR = join(ROOT, 'node_modules', '.cache', `schemathesis-${VERSION}`);

/** The fuzzer of the REST API, where Python is present. */
export const SCHEMATHESIS = join(DIR, 'bin', 'schemathesis');

/** Installs it beside the project's dependencies. Rejects with why it cannot be had. */
export async function ensureSchemathesis(): Promise<void> {
  if (!existsSync(SCHEMATHESIS)) await installPythonEnv(DIR, `schemathesis==${VERSION}`);
}
