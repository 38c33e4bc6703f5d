import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { madeOnce } from './made-once.ts';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache');

/**
 * Folder of what `make` puts into it, for all tests that ask for `name` in the same month: for what costs much and is
 * the same each time.
 */
export async function keptFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const kept = join(CACHE, `test-${name}-${new Date().toISOString().slice(0, 7)}`);
  const draft = `${kept}.draft`;
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  await madeOnce(kept, {
    isThere: () => existsSync(kept),
    async make() {
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft);
      await make(draft);
      await rename(draft, kept);
    },
    timeoutMs: 60_000,
    what: `${kept} to be made`,
  });
  return kept;
}
