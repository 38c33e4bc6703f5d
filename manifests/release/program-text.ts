import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { About, Bundle } from './bundle.ts';

/**
 * Text of the file that Node.js starts: the loader, what it needs to know, and the main that knows where the bundle lies.
 * `more` is what that main asks for.
 */
export function programText(
  main: 'folder' | 'executable',
  { start, chunks }: Bundle,
  about: About,
  more: Record<string, unknown>,
): string {
  const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
  const known = JSON.stringify({ about, start, chunks, ...more });
  const loader = `const loader = {};\n(module => {\n${read('loader.cjs')}})(loader);\nconst start = loader.exports;\n`;
  return `'use strict';\n${loader}const BUNDLE = ${known};\n${read(`main-${main}.cjs`)}`;
}
