import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bundle } from './bundle.ts';

const run = promisify(execFile);

/** For make-code-cache.cjs, which sets back those of the heap. */
const CACHE_FLAGS = [
  '--random-seed=1',
  '--initial-heap-size=2000',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
];

/**
 * What V8 compiles of each pack, as `NAME.cache`: half of a short command's time. For that Node.js, which runs here. The
 * same bundle gives the same bytes.
 */
export async function codeCaches({ files }: Bundle, node: string): Promise<Map<string, Buffer>> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-code-'));
  try {
    const packs = [...files].filter(([name]) => name.endsWith('.cjs'));
    for (const [name, text] of packs) await writeFile(join(folder, name), text, 'latin1');
    // Without what NODE_OPTIONS may load before it: the bytes would depend on that.
    await run(node, [...CACHE_FLAGS, join(import.meta.dirname, 'make-code-cache.cjs'), folder], { env: {} });
    const caches = new Map<string, Buffer>();
    for (const name of packs.map(([pack]) => pack.replace(/cjs$/, 'cache')))
      caches.set(name, await readFile(join(folder, name)));
    return caches;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
