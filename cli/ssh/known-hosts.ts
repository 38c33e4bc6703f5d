import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from '../../controller/kit/write-file.ts';
import { knownHostsFolder } from './places.ts';

/** Keeps the published host keys of `alias`, and gives the file for UserKnownHostsFile. Written only when they differ. */
export async function keepHostKeys(
  { home, context }: { home: string; context: string },
  alias: string,
  hostKeys: string[],
): Promise<string> {
  const folder = knownHostsFolder(home, context);
  const file = join(folder, alias);
  const text = hostKeys.map(key => `${alias} ${key}\n`).join('');
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return file;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileWhole(file, text);
  return file;
}

/** Forgets the host keys of what is no longer there. */
export async function dropHostKeys(
  { home, context }: { home: string; context: string },
  aliases: string[],
): Promise<void> {
  const folder = knownHostsFolder(home, context);
  for (const alias of aliases) await rm(join(folder, alias), { force: true });
}
