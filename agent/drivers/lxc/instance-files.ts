import type { GuestFile } from '../../driver.ts';
import { ancestors } from '../put-files.ts';
import { lxdCall } from './api/lxd-error.ts';
import type { LxcContext } from './context.ts';
import { instancePath } from './instances.ts';

const filePath = (name: string, path: string) =>
  `${instancePath(name)}/files?path=${encodeURIComponent(path)}`;

/** Puts files into an instance that does not run. Folders that are there keep their mode. */
export function putFilesBeforeStart(context: LxcContext, name: string, files: GuestFile[]): Promise<void> {
  const { lxd } = context;
  return lxdCall(`put files into ${name}`, async () => {
    const dirs = [...new Set(files.flatMap(({ path }) => ancestors(path)))];
    for (const dir of dirs.sort((a, b) => a.length - b.length))
      if (!(await lxd.has(filePath(name, dir))))
        await lxd.call('POST', filePath(name, dir), { headers: headers('directory', 0o755) });
    for (const { path, content, mode, uid, gid } of files)
      await lxd.call('POST', filePath(name, path), {
        body: Buffer.from(content),
        headers: headers('file', mode, uid, gid),
      });
  });
}

/** Whether a path is in an instance that does not run. */
export function hasFile({ lxd }: LxcContext, name: string, path: string): Promise<boolean> {
  return lxdCall(`look into ${name}`, () => lxd.has(filePath(name, path)));
}

/** By LXD's names and by Incus'. */
function headers(type: 'file' | 'directory', mode: number, uid = 0, gid = 0): Record<string, string> {
  const values = { type, mode: mode.toString(8).padStart(4, '0'), uid: String(uid), gid: String(gid) };
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => [
      [`x-lxd-${key}`, value],
      [`x-incus-${key}`, value],
    ]),
  );
}
