import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { tarOf } from '../../../agent/drivers/tar.ts';
import { ensureTestImage, follow, importArchive } from '../images.ts';
import { alpineRootfs } from './alpine-rootfs.ts';

const FILES = ['collect.sh', 'make-apks.sh', 'make-rpms.sh', 'alpine.Dockerfile', 'dnf.Dockerfile'];

/**
 * Images whose package manager is not apt, without sshd and git, and with a repository in them that has these:
 * programs of Debian's under the names of the other distribution. `alpine`: a real Alpine. `dnf`: a Debian whose package
 * manager is the real dnf. The first time on a machine takes a minute; they are kept in the engine.
 */
export async function ensureForeignImage(docker: Docker, image: 'alpine' | 'dnf'): Promise<string> {
  const reference = `nexus-test:${image}-1`;
  const isThere = (name: string) =>
    docker
      .getImage(name)
      .inspect()
      .then(
        () => true,
        () => false,
      );
  if (await isThere(reference)) return reference;
  await ensureTestImage(docker, 'ready');
  if (image === 'dnf') await ensureTestImage(docker, 'plain');
  else if (!(await isThere('nexus-test:alpine-bare'))) {
    const id = await importArchive(docker, createReadStream(await alpineRootfs()));
    await docker.getImage(id).tag({ repo: 'nexus-test', tag: 'alpine-bare' });
  }
  const context = await tarOf(
    await Promise.all(
      FILES.map(async name => ({
        name,
        content: await readFile(new URL(name, import.meta.url)),
        mode: 0o644,
      })),
    ),
  );
  const options = { t: reference, dockerfile: `${image}.Dockerfile`, rm: true, forcerm: true };
  await follow(docker, await docker.buildImage(context as unknown as NodeJS.ReadableStream, options));
  // What the stages were is of no use any more.
  await docker.pruneImages({ filters: { dangling: ['true'], label: ['nexus.dev/test-stage=1'] } });
  return reference;
}
