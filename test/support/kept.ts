import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache');

/**
 * Folder of what `make` puts into it, for all tests that ask for `name` in the same month: for what costs much and is
 * the same each time.
 */
export async function keptFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const kept = join(CACHE, `test-${name}-${new Date().toISOString().slice(0, 7)}`);
  const isThere = () =>
    stat(kept).then(
      () => true,
      () => false,
    );
  if (await isThere()) return kept;
  await mkdir(CACHE, { recursive: true });
  const draft = await mkdtemp(`${kept}.`);
  try {
    await make(draft);
    await rename(draft, kept);
  } catch (error) {
    // Another process was faster.
    if (!(await isThere())) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return kept;
}
