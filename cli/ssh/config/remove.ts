import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { configFile, controlFolder, hostsFolder, knownHostsFolder } from '../places.ts';
import { readAllHosts } from './hosts.ts';
import { type Removed, removeInclude } from './include.ts';

/** Bounds one question to a shared connection. */
const ASK_MS = 2_000;

/**
 * Takes everything away that `nexus ssh-config` made: the Include in each file that has it, our file and what it was made
 * of. Sessions that are open go on. Gives what became of each person's file.
 */
export async function removeConfig(home: string, file: string): Promise<[file: string, Removed][]> {
  const servers = await readAllHosts(home);
  const files = new Set([file, ...servers.map(hosts => hosts.file)]);
  const done: [string, Removed][] = [];
  for (const one of files) done.push([one, await removeInclude(one, configFile(home))]);
  await rm(configFile(home), { force: true });
  await rm(hostsFolder(home), { recursive: true, force: true });
  for (const { context } of servers)
    await rm(knownHostsFolder(home, context), { recursive: true, force: true });
  await closeShared(controlFolder(home));
  return done;
}

/** Shared connections take no further sessions, and end with those that they have. */
async function closeShared(folder: string): Promise<void> {
  const sockets = await readdir(folder).catch(() => [] as string[]);
  await Promise.all(
    sockets.map(
      name =>
        new Promise<void>(resolve => {
          const args = ['-F', 'none', '-o', `ControlPath=${join(folder, name)}`, '-O', 'stop', 'none'];
          execFile('ssh', args, { timeout: ASK_MS }, () => resolve());
        }),
    ),
  );
  await rm(folder, { recursive: true, force: true });
}
