import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { bootstrapRootfs, SYSTEM_PACKAGES } from '../../manifests/image/rootfs.ts';

const run = promisify(execFile);

/**
 * `plain`: a Debian with nothing added, so without sshd. `ready`: with what a workspace needs. `system`: that with an init of
 * its own. `sshd`: a machine that somebody was just given, with an SSH server and nothing else. All are made from Debian's packages, for machines that reach no image registry, and kept in $XDG_CACHE_HOME/nexus-test.
 */
export type TestImage = 'plain' | 'ready' | 'system' | 'sshd';

const READY = [
  'openssh-server',
  'git',
  'sudo',
  'ca-certificates',
  'procps',
  'curl',
  'less',
  'bash-completion',
  'python3-minimal',
  'rsync',
];
interface Recipe {
  packages: readonly string[];
  /** What it is made of by adding them. */
  base?: TestImage;
}
const RECIPES: Record<TestImage, Recipe> = {
  plain: { packages: [] },
  sshd: { base: 'plain', packages: ['openssh-server'] },
  ready: { base: 'plain', packages: READY },
  system: { base: 'ready', packages: SYSTEM_PACKAGES },
};

/** Those that many files use, each made once: files that run at the same time would make their own. */
export const COMMON_IMAGES = ['plain', 'ready', 'sshd'] as const satisfies TestImage[];

/** Reference of a test image in the engine, made of what `rootfs` gives where it is not there. */
export async function ensureTestImage(
  docker: Docker,
  image: TestImage,
  rootfs: (image: TestImage) => Promise<string> = testRootfs,
): Promise<string> {
  const reference = `nexus-test:${image}`;
  try {
    await docker.getImage(reference).inspect();
    return reference;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  }
  const archive = createReadStream(await rootfs(image));
  const id = await importArchive(docker, archive);
  await docker.getImage(id).tag({ repo: 'nexus-test', tag: image });
  return reference;
}

/** Path of its root file system as tar. */
export async function testRootfs(image: TestImage): Promise<string> {
  const dir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nexus-test');
  const path = join(dir, `${image}-bookworm-1.tar`);
  if (existsSync(path)) return path;
  await mkdir(dir, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  try {
    const { packages, base } = RECIPES[image];
    const { tar, ended } = await bootstrapRootfs(packages, base && (await testRootfs(base)));
    await Promise.all([ended, pipeline(tar, createWriteStream(unfinished))]);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}

/** Builds a small image from a Dockerfile's text; gives its content id. */
export async function buildTestImage(docker: Docker, reference: string, dockerfile: string): Promise<string> {
  const context = pack();
  context.entry({ name: 'Dockerfile' }, dockerfile);
  context.finalize();
  await follow(
    docker,
    await docker.buildImage(context as unknown as NodeJS.ReadableStream, { t: reference }),
  );
  return (await docker.getImage(reference).inspect()).Id;
}

/** Makes an image that holds exactly these files. */
export async function importTestImage(
  docker: Docker,
  reference: string,
  files: Record<string, string>,
): Promise<void> {
  const [repo = '', tag = 'latest'] = reference.split(':');
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mode: 0o755 }, content);
  archive.finalize();
  const id = await importArchive(docker, archive as unknown as Readable);
  await docker.getImage(id).tag({ repo, tag });
}

/** Content id of the image made of a tar archive. It gets no name: Podman would not take the tag. */
export async function importArchive(docker: Docker, archive: Readable): Promise<string> {
  const stream = await docker.importImage(archive, {});
  const lines = await follow(docker, stream);
  const id = lines.map(({ status }) => status).findLast(status => /^sha256:[0-9a-f]{64}$/.test(status ?? ''));
  if (!id) throw new Error('the engine did not tell the id of the imported image');
  return id;
}

interface Line {
  status?: string;
  error?: string;
}

export function follow(docker: Docker, stream: NodeJS.ReadableStream): Promise<Line[]> {
  return new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error: Error | null, output: Line[]) => {
      const problem = output?.find(line => line.error)?.error;
      if (error || problem) reject(error ?? new Error(problem));
      else resolve(output);
    }),
  );
}

/** URL of the first mirror in apt's own configuration: a real server that a machine with packages reaches. */
export async function packageMirror(): Promise<string | undefined> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(SITE)']).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').find(line => line.startsWith('http'));
}
