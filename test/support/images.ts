import { execFile } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';

const run = promisify(execFile);

/**
 * `plain`: a Debian with nothing added, so without sshd. `ready`: with what a workspace needs. Both are made from Debian's
 * packages, for machines that reach no image registry, and kept in $XDG_CACHE_HOME/nexus-test.
 */
export type TestImage = 'plain' | 'ready';

const PACKAGES: Record<TestImage, string[]> = {
  plain: [],
  ready: [
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
  ],
};

/** Reference of a test image in the engine. The first time on a machine takes half a minute. */
export async function ensureTestImage(docker: Docker, image: TestImage): Promise<string> {
  const reference = `nexus-test:${image}`;
  try {
    await docker.getImage(reference).inspect();
    return reference;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  }
  const rootfs = await testRootfs(image);
  const stream = (await docker.importImage(
    createReadStream(rootfs) as never,
    {
      repo: 'nexus-test',
      tag: image,
    } as never,
  )) as unknown as NodeJS.ReadableStream;
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output: { error?: string }[]) => {
      const problem = output?.find(line => line.error)?.error;
      if (error || problem) reject(error ?? new Error(problem));
      else resolve();
    }),
  );
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
    await run('mmdebstrap', [
      '--variant=minbase',
      '--quiet',
      `--include=${PACKAGES[image].join(',')}`,
      '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/resolv.conf "$1"/etc/hostname',
      'bookworm',
      unfinished,
      'http://deb.debian.org/debian',
    ]);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}
