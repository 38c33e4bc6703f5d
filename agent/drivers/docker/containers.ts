import type Docker from 'dockerode';
import type { ContainerInspectInfo } from 'dockerode';
import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError, type Instance, type Volume } from '../../driver.ts';
import { type DockerContext, UNFINISHED_SUFFIX } from './context.ts';
import { engineCall, engineMessage, statusOf } from './errors.ts';

/** How many containers are looked at at once. */
const PARALLEL_INSPECTS = 8;

/** A container by id or name; undefined when there is none. */
export function inspect(
  docker: Docker,
  idOrName: string,
  signal?: AbortSignal,
): Promise<ContainerInspectInfo | undefined> {
  return engineCall(
    `look at ${idOrName.slice(0, 60)}`,
    async () => {
      try {
        return await docker.getContainer(idOrName).inspect({ abortSignal: signal });
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    signal,
  );
}

/** A container of this node. Throws NotFound, and Invalid when it is somebody else's. */
export async function inspectOurs(
  { docker, node }: DockerContext,
  id: string,
): Promise<ContainerInspectInfo> {
  const found = await inspect(docker, id);
  if (!found) throw new DriverError('NotFound', `no container ${id.slice(0, 12)}`);
  if (found.Config.Labels?.[LABEL_NODE] !== node)
    throw new DriverError('Invalid', `the container ${found.Name} does not belong to node ${node}`);
  return found;
}

/** False when there is none of this id. Throws Invalid when it is somebody else's. */
export async function isThere(context: DockerContext, id: string): Promise<boolean> {
  try {
    await inspectOurs(context, id);
    return true;
  } catch (error) {
    if (error instanceof DriverError && error.code === 'NotFound') return false;
    throw error;
  }
}

/** Names and ids of this node's containers, unfinished ones among them. */
export function listOurs(
  { docker, node }: DockerContext,
  signal?: AbortSignal,
): Promise<{ id: string; name: string; running: boolean }[]> {
  return engineCall(
    'list containers',
    async () => {
      const found = await docker.listContainers({
        all: true,
        filters: { label: [`${LABEL_NODE}=${node}`] },
        abortSignal: signal,
      });
      return found.map(({ Id, Names, State }) => ({
        id: Id,
        name: (Names[0] ?? '').replace(/^\//, ''),
        running: State === 'running',
      }));
    },
    signal,
  );
}

/** Everything of this node. A container that goes away meanwhile is left out. */
export async function listEverything(
  context: DockerContext,
  shown: Promise<(found: ContainerInspectInfo) => Promise<Instance>>,
  signal?: AbortSignal,
): Promise<{ instances: Instance[]; volumes: Volume[] }> {
  const [ours, volumes, show] = await Promise.all([
    listOurs(context, signal),
    listVolumes(context, signal),
    shown,
  ]);
  const waiting = ours.filter(({ name }) => !name.endsWith(UNFINISHED_SUFFIX));
  const instances: Instance[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const found = await inspect(context.docker, next.id, signal);
      if (found && found.State.Status !== 'removing') instances.push(await show(found));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_INSPECTS }, worker));
  return { instances: instances.sort((a, b) => (a.name < b.name ? -1 : 1)), volumes };
}

function listVolumes({ docker, node }: DockerContext, signal?: AbortSignal): Promise<Volume[]> {
  return engineCall(
    'list volumes',
    async () => {
      const { Volumes } = await docker.listVolumes({
        filters: { label: [`${LABEL_NODE}=${node}`] },
        abortSignal: signal,
      } as Docker.VolumeListOptions);
      return (Volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} }));
    },
    signal,
  );
}

/** By force, with its anonymous volumes; waits when the engine is already at it. Gone is success. */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id);
  await engineCall(`remove ${id.slice(0, 60)}`, async () => {
    try {
      await container.remove({ force: true, v: true });
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (statusOf(error) !== 409 || !/already in progress/.test(engineMessage(error))) throw error;
      await container.wait({ condition: 'removed' }).catch((waiting: unknown) => {
        if (statusOf(waiting) !== 404) throw waiting;
      });
    }
  });
}

/** Gone is success. Throws InUse, and Invalid when it is somebody else's. */
export function removeVolume({ docker, node }: DockerContext, name: string): Promise<void> {
  return engineCall(`remove volume ${name}`, async () => {
    try {
      const volume = docker.getVolume(name);
      const { Labels: labels } = await volume.inspect();
      if (labels?.[LABEL_NODE] !== node)
        throw new DriverError('Invalid', `the volume ${name} does not belong to node ${node}`);
      await volume.remove();
    } catch (error) {
      // Podman says so of one that somebody else is removing.
      const isGone = statusOf(error) === 404 || /no such volume/.test((error as Error).message);
      if (!isGone) throw error;
    }
  });
}
