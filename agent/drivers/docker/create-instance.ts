import { LABEL_NODE, LABEL_SPEC_HASH } from '../../../crds/names.ts';
import { DriverError, type InstanceSpec } from '../../driver.ts';
import { containerOptions } from './container-options.ts';
import { inspect, removeContainer } from './containers.ts';
import { type DockerContext, UNFINISHED_SUFFIX } from './context.ts';
import { engineCall, engineMessage, statusOf } from './errors.ts';
import type { NetworkFacts } from './network/network.ts';
import { putFilesBeforeStart } from './put-files.ts';

/**
 * Makes volume and container. The container has another name until its files are in it: a crash at any point leaves
 * nothing that could be taken for an instance, and the next create (or sweep) removes it.
 */
export async function createInstance(
  context: DockerContext,
  spec: InstanceSpec,
  network: NetworkFacts,
): Promise<{ id: string }> {
  check(context, spec);
  const there = await inspect(context.docker, spec.name);
  if (there) return { id: sameAs(context, spec, there.Id, there.Config.Labels) };

  await ensureVolume(context, spec);
  const unfinished = spec.name + UNFINISHED_SUFFIX;
  const leftover = await inspect(context.docker, unfinished);
  if (leftover) {
    if (leftover.Config.Labels?.[LABEL_NODE] !== context.node) throw notOurs('container', unfinished);
    await removeContainer(context.docker, leftover.Id);
  }

  const { kind } = await context.facts();
  const container = await engineCall(`create ${spec.name}`, async () => {
    try {
      return await context.docker.createContainer({
        name: unfinished,
        ...containerOptions(spec, network, kind),
      });
    } catch (error) {
      if (statusOf(error) === 404 && /image/i.test(engineMessage(error)))
        throw new DriverError('ImageNotFound', `create ${spec.name}: ${engineMessage(error)}`, {
          cause: error,
        });
      throw error;
    }
  });
  try {
    await putFilesBeforeStart(container, spec.files, `put files into ${spec.name}`);
    await engineCall(`name ${spec.name}`, () => container.rename({ name: spec.name }));
    return { id: container.id };
  } catch (error) {
    await removeContainer(context.docker, container.id).catch(problem =>
      context.log.warn(
        { container: container.id, err: problem },
        'a half-made container could not be removed',
      ),
    );
    throw error;
  }
}

function check({ node }: DockerContext, spec: InstanceSpec): void {
  if (spec.labels[LABEL_NODE] !== node || spec.volume.labels[LABEL_NODE] !== node)
    throw new DriverError(
      'Invalid',
      `${spec.name}: instance and volume must have the label ${LABEL_NODE}=${node}`,
    );
  const hidden = spec.files.find(({ path }) =>
    Object.keys(spec.tmpfs).some(dir => path.startsWith(dir.endsWith('/') ? dir : `${dir}/`)),
  );
  if (hidden)
    throw new DriverError(
      'Invalid',
      `${spec.name}: ${hidden.path} is in a memory file system, which is only there once the instance runs`,
    );
}

function sameAs(
  context: DockerContext,
  spec: InstanceSpec,
  id: string,
  labels: Record<string, string>,
): string {
  if (labels?.[LABEL_NODE] !== context.node) throw notOurs('container', spec.name);
  if (labels[LABEL_SPEC_HASH] !== spec.labels[LABEL_SPEC_HASH])
    throw new DriverError(
      'Invalid',
      `${spec.name} is there, made from another specification; remove it first`,
    );
  return id;
}

async function ensureVolume({ docker, node }: DockerContext, spec: InstanceSpec): Promise<void> {
  const { name, labels } = spec.volume;
  await engineCall(`make volume ${name}`, async () => {
    // Answers with the one that is there.
    await docker.createVolume({ Name: name, Labels: labels });
    const found = await docker.getVolume(name).inspect();
    if (found.Labels?.[LABEL_NODE] !== node) throw notOurs('volume', name);
  });
}

function notOurs(kind: string, name: string): DriverError {
  return new DriverError(
    'Invalid',
    `a ${kind} named ${name} is there that does not belong to this node; rename or remove it`,
  );
}
