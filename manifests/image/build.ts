/**
 * Gets the default workspace image onto an engine: present, else pulled (only a reference that names its registry), else
 * built from the Dockerfile, else made from Debian's packages alone, for machines that reach no image registry.
 */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { readShipped } from '../../controller/kit/program.ts';
import { bootstrapRootfs, workspacePackages } from './rootfs.ts';

const FOLDER = 'manifests/image';
const BASE = 'debian:bookworm-slim';
const PULL_TIMEOUT_MS = 60_000;

export type Say = (line: string) => void;

interface Step {
  name: string;
  run(docker: Docker, tag: string): Promise<void>;
}

/**
 * Ensures `tag` on the engine behind `docker`. Throws with what each way answered when none works. `base`: path of a root
 * file system to go on from, as a tar, when it is made of Debian's packages.
 */
export async function ensureWorkspaceImage(
  docker: Docker,
  tag: string,
  say: Say,
  base?: () => Promise<string>,
): Promise<void> {
  if (await present(docker, tag)) return;
  const steps: Step[] = [
    ...(namesRegistry(tag) ? [{ name: `pull ${tag}`, run: pull }] : []),
    { name: 'build from manifests/image/Dockerfile', run: build },
    { name: "make from Debian's packages", run: (...args) => bootstrap(...args, base) },
  ];
  const answers: string[] = [];
  for (const step of steps) {
    say(`workspace image ${tag}: ${step.name} …`);
    try {
      await step.run(docker, tag);
      say(`workspace image ${tag}: ready`);
      return;
    } catch (error) {
      const answer = `${step.name}: ${(error as Error).message.trim().split('\n').at(-1)}`;
      answers.push(answer);
      say(`  did not work: ${answer}`);
    }
  }
  throw new Error(`no way to get the workspace image ${tag}:\n  ${answers.join('\n  ')}`);
}

async function present(docker: Docker, tag: string): Promise<boolean> {
  try {
    await docker.getImage(tag).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

/** An unqualified name would be looked up on somebody else's registry, where anybody may have taken it. */
function namesRegistry(reference: string): boolean {
  const first = reference.split('/')[0] ?? '';
  return reference.includes('/') && /[.:]|^localhost$/.test(first);
}

async function pull(docker: Docker, tag: string): Promise<void> {
  const stream = (await docker.pull(tag, { abortSignal: AbortSignal.timeout(PULL_TIMEOUT_MS) })) as Readable;
  await follow(docker, stream);
}

async function build(docker: Docker, tag: string): Promise<void> {
  await pull(docker, BASE);
  const context = pack();
  for (const name of ['Dockerfile', 'packages.txt'])
    context.entry({ name }, readShipped(`${FOLDER}/${name}`));
  context.finalize();
  const stream = (await docker.buildImage(context as unknown as NodeJS.ReadableStream, {
    t: tag,
  })) as Readable;
  await follow(docker, stream);
}

interface Progress {
  status?: string;
  error?: string;
}

/** What the engine tells until it is done. Rejects with the error that it tells. */
function follow(docker: Docker, stream: Readable): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, output: Progress[]) => {
      const failed = error ?? output?.find(line => line.error);
      if (!failed) return resolve(output);
      reject(failed instanceof Error ? failed : new Error(failed.error));
    });
  });
}

async function bootstrap(docker: Docker, tag: string, base?: () => Promise<string>): Promise<void> {
  const { tar, ended } = await bootstrapRootfs(workspacePackages(), await base?.());
  // Named at the very end: a bootstrap that broke off must not leave a name that looks whole.
  const options = { changes: ['ENV LANG=C.UTF-8', 'CMD ["sleep","infinity"]'] };
  const imported = docker.importImage(tar, options) as unknown as Promise<Readable>;
  const [told] = await Promise.all([imported.then(stream => follow(docker, stream)), ended]);
  const [repo, version = 'latest'] = splitTag(tag);
  await docker.getImage(told.at(-1)?.status ?? '').tag({ repo, tag: version });
}

function splitTag(reference: string): [string, string | undefined] {
  const colon = reference.lastIndexOf(':');
  return colon > reference.lastIndexOf('/')
    ? [reference.slice(0, colon), reference.slice(colon + 1)]
    : [reference, undefined];
}
