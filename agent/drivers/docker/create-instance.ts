import { LABEL_NODE, LABEL_SPEC_HASH } from '../../../crds/names.ts';
import { DriverError, type InstanceSpec } from '../../driver.ts';
import { checkSpec } from '../check-spec.ts';
import type { NetworkKeeper } from '../network/network-keeper.ts';
import { notOurs } from '../not-ours.ts';
import { containerOptions } from './container-options.ts';
import { inspect, removeContainer } from './containers.ts';
import { type DockerContext, UNFINISHED_SUFFIX } from './context.ts';
import { engineCall, engineMessage, statusOf } from './errors.ts';
import { type NetworkFacts, networkName } from './network.ts';
import { putFilesBeforeStart } from './put-files-before-start.ts';

const GOING = new Set(['removing', 'dead']);

/**
 * Makes volume and container. One that is given files has another name until they are in it: a crash at any point leaves
 * nothing that could be taken for an instance, and the next create (or sweep) removes it.
 */
export async function createInstance(
  context: DockerContext,
  spec: InstanceSpec,
  keeper: NetworkKeeper<NetworkFacts>,
): Promise<{ id: string; isNew: boolean }> {
  checkSpec(context.node, spec);
  return keeper.use(async network => {
    // Side by side: people wait for it.
    const volume = ensureVolume(context, spec);
    volume.catch(() => {});
    // Looked for once its name is found taken: as a rule there is none.
    const { kind } = await context.facts();
    if (kind === 'docker' && spec.files.length === 0)
      try {
        return { id: await createNew(context, spec, { network, volume }), isNew: true };
      } catch (error) {
        if (!(error instanceof DriverError && error.code === 'InUse')) throw error;
      }
    const [found] = await Promise.all([inspect(context.docker, spec.name), volume]);
    if (found) {
      const id = sameAs(context, spec, found.Id, found.Config.Labels);
      if (!GOING.has(found.State.Status)) return { id, isNew: false };
      // Somebody removes it: its end is waited for.
      await removeContainer(context.docker, id);
    }
    return { id: await createNew(context, spec, { network, volume }), isNew: true };
  });
}

async function createNew(
  context: DockerContext,
  spec: InstanceSpec,
  { network, volume }: { network: Promise<NetworkFacts>; volume: Promise<void> },
): Promise<string> {
  const { docker, facts, node } = context;
  const { kind } = await facts();
  const isWhole = spec.files.length === 0;
  // Docker looks for the network at the start alone.
  const facing = kind === 'docker' ? { ...networkName(node), gateways: [] } : await network;
  const options = {
    name: isWhole ? spec.name : spec.name + UNFINISHED_SUFFIX,
    ...containerOptions(spec, facing, kind),
  };
  const container = await engineCall(`create ${spec.name}`, async () => {
    try {
      return await docker.createContainer(options);
    } catch (error) {
      if (statusOf(error) === 404 && /image/i.test(engineMessage(error)))
        throw new DriverError('ImageNotFound', `create ${spec.name}: ${engineMessage(error)}`, {
          cause: error,
        });
      if (isWhole || !(await removeLeftover(context, options.name))) throw error;
      return docker.createContainer(options);
    }
  });
  try {
    if (!isWhole) {
      await putFilesBeforeStart(context, container, spec);
      await engineCall(`name ${spec.name}`, () => container.rename({ name: spec.name }));
    }
    // One that has somebody else's volume is not started.
    await Promise.all([network, volume]);
    return container.id;
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

/** What bears the name of one that is being made. False when there is none. */
async function removeLeftover({ docker, node }: DockerContext, name: string): Promise<boolean> {
  const leftover = await inspect(docker, name);
  if (!leftover) return false;
  if (leftover.Config.Labels?.[LABEL_NODE] !== node)
    throw notOurs('container', name, leftover.Config.Labels?.[LABEL_NODE]);
  await removeContainer(docker, leftover.Id);
  return true;
}

function sameAs(
  context: DockerContext,
  spec: InstanceSpec,
  id: string,
  labels: Record<string, string>,
): string {
  if (labels?.[LABEL_NODE] !== context.node) throw notOurs('container', spec.name, labels?.[LABEL_NODE]);
  if (labels[LABEL_SPEC_HASH] !== spec.labels[LABEL_SPEC_HASH])
    throw new DriverError(
      'Invalid',
      `${spec.name} is there, made from another specification; remove it first`,
    );
  return id;
}

/** Docker makes it with the container, all at once; Podman would leave out its labels. */
async function ensureVolume({ docker, node, facts }: DockerContext, spec: InstanceSpec): Promise<void> {
  const { name, labels } = spec.volume;
  const { kind } = await facts();
  await engineCall(`make volume ${name}`, async () => {
    // Answers with the one that is there.
    if (kind === 'podman') await docker.createVolume({ Name: name, Labels: labels });
    try {
      const found = await docker.getVolume(name).inspect();
      const owner = found.Labels?.[LABEL_NODE];
      if (owner !== node) throw notOurs('volume', name, owner);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  });
}
