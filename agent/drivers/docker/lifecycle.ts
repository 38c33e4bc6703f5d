import type { ContainerInspectInfo } from 'dockerode';
import { DriverError, type Limits } from '../../driver.ts';
import type { NetworkKeeper } from '../network/network-keeper.ts';
import { restartPolicy } from './container-options.ts';
import { inspectOurs } from './containers.ts';
import type { DockerContext } from './context.ts';
import { engineCall, engineMessage, statusOf } from './errors.ts';
import { handOver } from './hand-over.ts';
import type { NetworkFacts } from './network.ts';
import { updateByLibpod } from './podman-limits.ts';
import { hostLimits, toInstance } from './to-instance.ts';

/**
 * Also ends a pause, and an endless restart by the engine, whose wait between tries would hide why it fails. A network that
 * somebody removed meanwhile (`docker network prune` does) is made again by `network`.
 */
export async function startInstance(
  context: DockerContext,
  id: string,
  { network, input, isNew }: { network: NetworkKeeper<NetworkFacts>; input?: string; isNew: boolean },
): Promise<{ inputTaken: boolean }> {
  const found = isNew ? undefined : await inspectOurs(context, id);
  const container = context.docker.getContainer(id);
  const { Running, Paused, Restarting } = found?.State ?? {};
  if (Running && !Paused && !Restarting) return { inputTaken: false };
  return engineCall(`start ${found ? found.Name.replace(/^\//, '') : id.slice(0, 12)}`, async () => {
    if (Paused) {
      await container.unpause();
      return { inputTaken: false };
    }
    if (Restarting) await ignoring(304, () => container.stop({ t: 0 }));
    const { kind } = await context.facts();
    const takesInput = input !== undefined && kind === 'docker' && (isNew || found?.Config.OpenStdin);
    const handed = takesInput ? await handOver(context, id, input) : undefined;
    try {
      await ignoring(304, () => container.start());
    } catch (error) {
      if (!/network \S+ not found/i.test(engineMessage(error)))
        throw whyNotStarted(found ?? (await inspectOurs(context, id)), error);
      await network.use(async held => {
        const { name } = await held;
        await context.docker.getNetwork(name).disconnect({ Container: id, Force: true });
        await context.docker.getNetwork(name).connect({ Container: id });
      });
      await container.start();
    } finally {
      handed?.end();
    }
    return { inputTaken: handed !== undefined };
  });
}

export async function stopInstance(
  context: DockerContext,
  id: string,
  timeoutSeconds: number,
): Promise<void> {
  const found = await inspectOurs(context, id);
  const container = context.docker.getContainer(id);
  await engineCall(`stop ${found.Name.replace(/^\//, '')}`, async () => {
    if (found.State.Paused) await container.unpause();
    await ignoring(304, () => container.stop({ t: timeoutSeconds }));
  });
}

/** Throws Invalid when the instance uses more memory than it would get: engines would fail halfway or kill it. */
export async function updateLimits(context: DockerContext, id: string, limits: Limits): Promise<void> {
  const found = await inspectOurs(context, id);
  const { name, limits: before } = toInstance(found, false);
  const container = context.docker.getContainer(id);
  const lowered = limits.memoryBytes !== undefined && limits.memoryBytes < (before.memoryBytes ?? Infinity);
  if (lowered && found.State.Running) {
    const used = await memoryUsed(context, id);
    if (used > limits.memoryBytes!)
      throw new DriverError(
        'Invalid',
        `${name} uses ${mebibytes(used)} MiB of memory, more than the ${mebibytes(limits.memoryBytes!)} MiB it would get; stop something in it or restart it`,
      );
  }
  await engineCall(`change the limits of ${name}`, async () => {
    const wanted = hostLimits(limits);
    try {
      // Podman takes a policy that is not said for none.
      await container.update({ ...wanted, RestartPolicy: found.HostConfig.RestartPolicy });
    } catch (error) {
      const { kind, local } = await context.facts();
      if (statusOf(error) !== 404 || kind !== 'podman') throw error;
      if (!found.State.Running)
        throw new DriverError(
          'NotRunning',
          `${name}: this version of Podman changes limits of running containers only`,
        );
      if (!local)
        throw new DriverError(
          'Invalid',
          `${name}: limits of a remote Podman are changed from version 5 on; update it`,
        );
      await updateByLibpod(context.docker, id, wanted);
    }
  });
}

export async function setAutoStart(context: DockerContext, id: string, autoStart: boolean): Promise<void> {
  const found = await inspectOurs(context, id);
  const name = found.Name.replace(/^\//, '');
  const { kind } = await context.facts();
  if (kind === 'podman')
    throw new DriverError(
      'Invalid',
      `${name}: Podman does not change in place what starts by itself; remove it`,
    );
  await engineCall(`change what starts ${name}`, () =>
    context.docker.getContainer(id).update({ RestartPolicy: restartPolicy(autoStart) }),
  );
}

/** Bytes in use that the kernel cannot simply drop. 0 when the engine does not tell. */
function memoryUsed({ docker }: DockerContext, id: string): Promise<number> {
  return engineCall(`measure ${id.slice(0, 12)}`, async () => {
    const { memory_stats: memory } = await docker
      .getContainer(id)
      .stats({ stream: false, 'one-shot': true } as { stream: false });
    // By its cgroup v1 and v2 names.
    const detail = memory?.stats as { total_inactive_file?: number; inactive_file?: number } | undefined;
    const cache = detail?.total_inactive_file ?? detail?.inactive_file ?? 0;
    return Math.max(0, (memory?.usage ?? 0) - cache);
  });
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

async function ignoring(status: number, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (statusOf(error) !== status) throw error;
  }
}

/** What an engine says of a start only in words. */
function whyNotStarted(found: ContainerInspectInfo, error: unknown): unknown {
  const message = engineMessage(error);
  // It has forgotten an earlier run in one of its books, and finds it in the other.
  if (/task \S+ already exists/i.test(message)) return new DriverError('Stuck', message, { cause: error });
  const volumes = found.Mounts.flatMap(({ Name }) => Name ?? []);
  if (/no such file or directory/i.test(message) && volumes.some(name => message.includes(`/${name}/`)))
    return new DriverError('VolumeLost', message, { cause: error });
  return portInUse(found, error) ?? error;
}

/** The ports are those of the container that the message names; all of them when it names none. */
function portInUse(found: ContainerInspectInfo, error: unknown): DriverError | undefined {
  const message = engineMessage(error);
  if (
    !/port is already allocated|address already in use|failed to bind host port|Ports are not available/i.test(
      message,
    )
  )
    return undefined;
  const published = toInstance(found, false).publish.map(({ hostPort }) => hostPort);
  const named = published.filter(port => new RegExp(`(?<!\\d)${port}(?!\\d)`).test(message));
  const ports = named.length > 0 ? named : published;
  return new DriverError('PortInUse', `port ${ports.join(', ')} of the node is taken by something else`, {
    cause: error,
    ports,
  });
}
