import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Where tap takes the lines of a stack for its own, and leaves them out. */
const TAP_BUNDLE = fileURLToPath(new URL('../../node_modules/@tapjs/.bundle.mjs', import.meta.url));
const REQUIRE =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';

/** Makes of tap, which is some 280 modules, the one that `plain-process.mjs` gives to test files. */
export async function bundleTap(): Promise<void> {
  await mkdir(dirname(TAP_BUNDLE), { recursive: true });
  const outfile = `${TAP_BUNDLE}.${process.pid}`;
  await build({
    entryPoints: [fileURLToPath(import.meta.resolve('tap'))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: REQUIRE },
    // The first finds its own files beside it, and the others are asked for by name.
    external: ['@tapjs/processinfo', 'react', 'react-element-to-jsx-string'],
    outfile,
    logLevel: 'error',
  });
  await rename(outfile, TAP_BUNDLE);
}
