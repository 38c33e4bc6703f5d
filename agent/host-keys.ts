import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../controller/kit/log.ts';
import { writeFileWhole } from '../controller/kit/write-file.ts';

/**
 * Host keys of the workspaces that a node keeps through a reboot, so that their users get in though the server is away. Of
 * what is in their Secrets nothing else is on its disk: whoever reads a host key there is root, and could as well read it
 * in the memory of the workspace.
 */
export interface HostKeys {
  /** OpenSSH private key. */
  get(workspaceUid: string): string | undefined;
  /** Resolves when it is on disk. What cannot be written is told in the log: the workspace does without. */
  keep(workspaceUid: string, hostKey: string): Promise<void>;
  /** Resolves when it is off the disk. */
  forget(workspaceUid: string): Promise<void>;
  /** Forgets those of all others. */
  keepOnly(workspaceUids: ReadonlySet<string>): Promise<void>;
  /** Resolves when what was asked for is done. */
  flush(): Promise<void>;
}

/** `folder`: of files (0600) named by the workspace's uid; absent: memory alone. Rejects when it cannot be read. */
export async function openHostKeys({ folder, log }: { folder?: string; log: Logger }): Promise<HostKeys> {
  const keys = folder === undefined ? new Map<string, string>() : await readAll(folder);
  let tail: Promise<void> = Promise.resolve();
  const inTurn = (change: (folder: string) => Promise<void>): Promise<void> => {
    if (folder !== undefined)
      tail = tail
        .then(() => change(folder))
        .catch(error => log.warn({ err: error, folder }, 'a host key could not be kept or removed'));
    return tail;
  };
  const forget = (uid: string): Promise<void> => {
    if (!keys.delete(uid)) return tail;
    return inTurn(dir => rm(join(dir, uid), { force: true }));
  };
  return {
    get: uid => keys.get(uid),
    keep(uid, hostKey) {
      // It becomes a file's name.
      if (keys.get(uid) === hostKey || !UID.test(uid)) return tail;
      keys.set(uid, hostKey);
      return inTurn(async dir => {
        await mkdir(dir, { recursive: true, mode: 0o700 });
        await writeFileWhole(join(dir, uid), hostKey);
      });
    },
    forget,
    async keepOnly(uids) {
      for (const uid of keys.keys()) if (!uids.has(uid)) void forget(uid);
      await tail;
    },
    flush: () => tail,
  };
}

const UID = /^[\w-]{1,64}$/;

/** Anything else in it is what a crash left of a write, and goes. */
async function readAll(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found = new Map<string, string>();
  for (const name of names)
    if (UID.test(name)) found.set(name, await readFile(join(folder, name), 'utf8'));
    else await rm(join(folder, name), { force: true });
  return found;
}
