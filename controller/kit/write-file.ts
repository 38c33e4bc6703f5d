import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

export interface WriteFileOptions {
  /** Permission bits, whatever the umask. Defaults to 0600. */
  mode?: number;
  /** Who owns it; defaults to this user. Needs the right to give files away. */
  owner?: { uid: number; gid: number };
  /** Called when everything is written and synced, just before the file takes its name. A throw leaves the old one. */
  beforeRename?: () => Promise<void>;
}

/**
 * Writes a file whole or not at all: a reader sees the old or the new one, also after a power cut. Its folder must be
 * there. A symbolic link is replaced, not followed: give what it points to.
 */
export async function writeFileWhole(
  file: string,
  data: string | Uint8Array,
  { mode = 0o600, owner, beforeRename }: WriteFileOptions = {},
): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      if (owner) await handle.chown(owner.uid, owner.gid);
      await handle.chmod(mode);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await beforeRename?.();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
