import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from '../../controller/kit/write-file.ts';

const folderOf = (home: string) => join(home, 'github');
const fileOf = (home: string, host: string) => join(folderOf(home), `${host}.token`);

/** The token of GitHub that we keep ourselves, for who has no gh: a file of the host, 0600. */
export async function readKeptToken(home: string, host: string): Promise<string | undefined> {
  const text = await readFile(fileOf(home, host), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.trim() || undefined;
}

export async function keepToken(home: string, host: string, token: string): Promise<void> {
  await mkdir(folderOf(home), { recursive: true, mode: 0o700 });
  await writeFileWhole(fileOf(home, host), `${token}\n`);
}

/** Whether there was one. */
export async function dropKeptToken(home: string, host: string): Promise<boolean> {
  const had = (await readKeptToken(home, host)) !== undefined;
  await rm(fileOf(home, host), { force: true });
  return had;
}
