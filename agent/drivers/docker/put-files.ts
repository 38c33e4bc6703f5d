import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import type { Clock } from '../../../controller/kit/clock.ts';
import { DriverError, type GuestFile, type InstanceSpec } from '../../driver.ts';
import type { DockerContext } from './context.ts';
import { engineCall, statusOf } from './errors.ts';
import { execInContainer } from './exec.ts';
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
 * Writes files into a running container, each by a rename. Through a process in it, because the engine's archive call does
 * not see memory file systems. Contents travel on stdin: command lines can be read by everybody.
 */
export async function putFiles(
  context: { docker: Docker; clock: Clock },
  id: string,
  files: GuestFile[],
): Promise<void> {
  if (files.length === 0) return;
  const token = randomBytes(6).toString('hex');
  const entries = files.map((file, index) => ({
    ...file,
    name: posix.join(posix.dirname(file.path), `.nexus-${token}-${index}`),
  }));
  const pairs = entries.flatMap(({ name, path }) => [name, path]);
  const { stdin, stdout, stderr, exit } = await execInContainer(
    context,
    id,
    ['/bin/sh', '-c', UNPACK, 'sh', ...pairs],
    { stdin: true },
  );
  stdin.on('error', () => {});
  stdin.end(await tarOf(entries));
  const [code, , problem] = await Promise.all([exit, text(stdout), text(stderr)]);
  if (code !== 0)
    throw new DriverError('Internal', `writing files into ${id.slice(0, 12)}: ${problem.trim().slice(-500)}`);
}

/** Puts files into a container that was not started yet. */
export async function putFilesBeforeStart(
  { missingDirs: known }: DockerContext,
  container: Docker.Container,
  { name, imageId, files, volume }: InstanceSpec,
): Promise<void> {
  if (files.length === 0) return;
  const what = `put files into ${name}`;
  const inVolume = files.some(({ path }) => path.startsWith(volume.mountPath));
  // An image never changes, so what is missing in one that was just made of it does not either.
  const key = inVolume ? undefined : [imageId, ...files.map(({ path }) => path)].join('\n');
  const dirs =
    (key === undefined ? undefined : known.get(key)) ?? (await missingDirs(container, files, what));
  if (key !== undefined) known.set(key, dirs);
  const archive = await tarOf(
    files.map(file => ({ ...file, name: file.path })),
    dirs,
  );
  await engineCall(what, () => container.putArchive(archive, { path: '/' }));
}

/** Folders that are not in the container yet, parents first: the engine would make them with a mode of its own. */
async function missingDirs(container: Docker.Container, files: GuestFile[], what: string): Promise<string[]> {
  const parents = new Set(files.flatMap(({ path }) => ancestors(path)));
  const missing: string[] = [];
  for (const dir of [...parents].sort((a, b) => a.length - b.length)) {
    const parentMissing = missing.includes(posix.dirname(dir));
    if (parentMissing || !(await exists(container, dir, what))) missing.push(dir);
  }
  return missing;
}

/** `/a/b/c` → `/a`, `/a/b`. */
function ancestors(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '/' || parent === '.' ? [] : [...ancestors(parent), parent];
}

function exists(container: Docker.Container, path: string, what: string): Promise<boolean> {
  return engineCall(what, async () => {
    try {
      const answer = (await container.infoArchive({ path })) as unknown as { resume?(): void };
      answer.resume?.();
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
  });
}
