import { PassThrough, type Readable } from 'node:stream';
import { untilAborted, withTimeout } from '../../../../controller/kit/abort.ts';
import { LABEL_NODE } from '../../../../crds/names.ts';
import { DriverError } from '../../../driver.ts';
import { OutputTail } from '../../images/output-tail.ts';
import { derivedTag, INSTALL, INSTALL_MS } from '../../images/recipe.ts';
import type { Report } from '../../images/shared-tasks.ts';
import type { NetworkKeeper } from '../../network/network-keeper.ts';
import { nodeHost } from '../container-options.ts';
import { removeContainer } from '../containers.ts';
import { type DockerContext, LABEL_HELPER } from '../context.ts';
import { Demultiplexer } from '../demultiplexer.ts';
import { engineCall, engineMessage, toDriverError } from '../errors.ts';
import type { NetworkFacts } from '../network.ts';
import { helperOptions } from './helper.ts';

const REPOSITORY = 'nexus-derived';

/** On derived images: the content id that they were made from. */
export const LABEL_DERIVED_FROM = 'nexus.dev/derived-from';
/** Name of the node whose agent made them. Not the label of what belongs to a node: containers get those of their image. */
export const LABEL_DERIVED_BY = 'nexus.dev/derived-by';

/** The name of the complete form of an image. */
export function derivedName(baseId: string): { repo: string; tag: string; name: string } {
  const tag = derivedTag(baseId);
  return { repo: REPOSITORY, tag, name: `${REPOSITORY}:${tag}` };
}

/** Whether a name is one of ours. */
export function isDerived(name: string): boolean {
  return name.startsWith(`${REPOSITORY}:`);
}

/**
 * Adds what a workspace needs to an image, in a container on the workspaces' network. Not by a build of the engine's, which
 * would run the image's own programs and triggers (ONBUILD) on another network, with more rights, and even as the engine.
 * Throws ImageBuildFailed with the end of the output.
 */
export async function makeDerived(
  context: DockerContext,
  keeper: NetworkKeeper<NetworkFacts>,
  base: { id: string; reference: string },
  { report, signal }: { report: Report; signal: AbortSignal },
): Promise<void> {
  const { docker, log } = context;
  const message = `adding SSH and Git to ${base.reference}`;
  report({ phase: 'building', message });
  try {
    await keeper.use(async held => {
      const network = await held;
      const { kind } = await context.facts();
      const options = await helperOptions(context, base.id, INSTALL, {
        NetworkMode: network.name,
        ExtraHosts: nodeHost(network, kind),
      });
      const { id } = await engineCall(message, () => docker.createContainer(options));
      try {
        await install(context, id, base.reference, {
          signal,
          onLine: line => report({ phase: 'building', message: `${message}: ${line}` }),
        });
        await engineCall(message, () => docker.getContainer(id).commit(imageOptions(context, base.id)));
      } finally {
        await removeContainer(docker, id).catch(error =>
          log.warn({ container: id, err: error }, 'a helper container could not be removed'),
        );
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    throw toDriverError(error, message);
  } finally {
    keeper.releaseUnused();
  }
}

async function install(
  { docker, clock }: DockerContext,
  id: string,
  reference: string,
  { signal, onLine }: { signal: AbortSignal; onLine: (line: string) => void },
): Promise<void> {
  const output = new OutputTail();
  const failed = (why: string, cause?: unknown) =>
    new DriverError(
      'ImageBuildFailed',
      `SSH and Git could not be added to ${reference}: ${why}\n${output.text}`.trim(),
      { cause },
    );
  const container = docker.getContainer(id);
  try {
    await container.start();
  } catch (error) {
    throw failed(engineMessage(error), error);
  }
  const frames = (await container.logs({ follow: true, stdout: true, stderr: true })) as unknown as Readable;
  const all = new PassThrough();
  frames.on('error', () => all.end()).pipe(new Demultiplexer(all, all));
  const told = new Promise<void>(resolve => all.on('end', resolve).on('close', resolve));
  output.follow([all], onLine);
  try {
    const late = () => failed(`it took longer than ${INSTALL_MS / 60_000} minutes.`);
    const ended = withTimeout(container.wait() as Promise<{ StatusCode: number }>, INSTALL_MS, clock, late);
    const { StatusCode: code } = await untilAborted(ended, signal);
    if (code === 0) return;
    await told;
    throw failed(`the package manager ended with exit code ${code}`);
  } finally {
    (frames as Readable).destroy();
  }
}

/** Labels of the container would be those of every one that is made of the image. */
function imageOptions({ node }: DockerContext, baseId: string): object {
  const { repo, tag } = derivedName(baseId);
  const labels = {
    [LABEL_NODE]: '',
    [LABEL_HELPER]: '',
    [LABEL_DERIVED_FROM]: baseId,
    [LABEL_DERIVED_BY]: node,
  };
  const changes = Object.entries(labels).map(
    ([name, value]) => `LABEL ${JSON.stringify(name)}=${JSON.stringify(value)}`,
  );
  return { repo, tag, changes };
}
