/**
 * `node make-code-cache.cjs FOLDER`: compiles each *.cjs file of a folder whole, and leaves what V8 can read back in place of
 * compiling it again in *.cache. The same text gives the same bytes under the flags that executable.ts gives.
 */
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

/** Of the flags that this is started with, so that garbage is not collected: when that happens is by chance, and shows. */
const DEFAULTS = ['--initial-heap-size=0', '--min-semi-space-size=0', '--max-semi-space-size=0'];

const folder = process.argv[2];
// In order: what was compiled before leaves its traces.
const names = readdirSync(folder).filter(file => file.endsWith('.cjs'));
for (const name of names.sort()) {
  const text = readFileSync(join(folder, name), 'latin1');
  setFlagsFromString('--no-lazy');
  const script = new Script(text, { filename: name });
  // V8 refuses a cache that was made under other flags than those it runs with.
  for (const flag of ['--lazy', ...DEFAULTS]) setFlagsFromString(flag);
  writeFileSync(join(folder, name.replace(/cjs$/, 'cache')), script.createCachedData());
}
