import { posix } from 'node:path';
import type Docker from 'dockerode';
import type { GuestFile, InstanceSpec } from '../../driver.ts';
import { ancestors } from '../put-files.ts';
import { tarOf } from '../tar.ts';
import type { DockerContext } from './context.ts';
import { engineCall, statusOf } from './errors.ts';

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
