import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Driver, DriverError, type GuestFile } from '../driver.ts';
import { tarOf } from './tar.ts';

/** Unpacks stdin, then renames pairs of temporary and final path; leaves no temporary file when it fails. */
const UNPACK = `
umask 022
cleanup() { for f do rm -f -- "$f"; done; }
tar -xpf - -C / || { cleanup "$@"; exit 1; }
while [ $# -gt 1 ]; do
  if [ -d "$2" ] && [ ! -L "$2" ]; then echo "$2 is a directory" >&2; code=1; rm -f -- "$1"
  else mv -f -- "$1" "$2" || { rm -f -- "$1"; code=1; }
  fi
  shift 2
done
exit "\${code:-0}"`;

/**
 * Writes files into a running instance, each by a rename. Through a process in it, because engines' archive calls do not
 * see memory file systems. Contents travel on stdin: command lines can be read by everybody.
 */
export async function putFiles(exec: Driver['exec'], id: string, files: GuestFile[]): Promise<void> {
  if (files.length === 0) return;
  const token = randomBytes(6).toString('hex');
  const entries = files.map((file, index) => ({
    ...file,
    name: posix.join(posix.dirname(file.path), `.nexus-${token}-${index}`),
  }));
  const pairs = entries.flatMap(({ name, path }) => [name, path]);
  const { stdin, stdout, stderr, exit } = await exec(id, ['/bin/sh', '-c', UNPACK, 'sh', ...pairs], {
    stdin: true,
  });
  stdin.on('error', () => {});
  stdin.end(await tarOf(entries));
  const [code, , problem] = await Promise.all([exit, text(stdout), text(stderr)]);
  if (code !== 0)
    throw new DriverError('Internal', `writing files into ${id.slice(0, 12)}: ${problem.trim().slice(-500)}`);
}

/** `/a/b/c` → `/a`, `/a/b`. */
export function ancestors(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '/' || parent === '.' ? [] : [...ancestors(parent), parent];
}
