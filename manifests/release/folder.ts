import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { About, Bundle } from './bundle.ts';
import type { Freshness } from './freshness.ts';
import { programText } from './program-text.ts';

/** A program that was started before a build may still come to load packs of its own. */
const KEEP_MS = 24 * 3600 * 1000;

/**
 * Writes a bundle as `nexus.cjs` with a folder of packs and their codeCaches() beside it, named after what is in the packs.
 * With `freshness` comes `checkout.cjs`, which runs it only while that holds.
 */
export async function writeFolder(
  out: string,
  bundle: Bundle,
  { about, caches, freshness }: { about: About; caches: Map<string, Buffer>; freshness?: Freshness },
): Promise<void> {
  const folder = bundleFolder(bundle);
  await mkdir(join(out, folder), { recursive: true });
  for (const [name, content] of [...bundle.files, ...caches]) await replace(join(out, folder, name), content);
  await replace(join(out, 'nexus.cjs'), programText('folder', bundle, about, { folder, isCached: true }));
  if (freshness) {
    await replace(join(out, 'checkout.json'), JSON.stringify(freshness));
    await copyFile(join(import.meta.dirname, 'main-checkout.cjs'), join(out, 'checkout.cjs'));
  }
  for (const name of await readdir(out)) {
    if (!name.startsWith('bundle-') || name === folder) continue;
    const { mtimeMs } = await stat(join(out, name));
    if (Date.now() - mtimeMs > KEEP_MS) await rm(join(out, name), { recursive: true, force: true });
  }
}

/** Name of the folder of packs: another one for another bundle. */
export function bundleFolder({ files }: Bundle): string {
  const hash = createHash('sha256');
  for (const [name, text] of files) hash.update(`${name}\0${text.length}\0${text}`);
  return `bundle-${hash.digest('hex').slice(0, 16)}`;
}

/** Nobody ever reads half of it. */
async function replace(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.${process.pid}`, content);
  await rename(`${file}.${process.pid}`, file);
}
