import type { ContainerInspectInfo } from 'dockerode';
import { DEFAULT_PIDS } from '../../../crds/names.ts';
import type { Instance, InstanceState, Limits } from '../../driver.ts';

const CPU_PERIOD_MICROS = 100_000;
/** Stands for no limit: an update takes 0 for "as it was", and refuses -1. */
const UNLIMITED_BYTES = 2 ** 50;

/** What the engine says of a container, as the contract shows it. `reachable`: whether its address means something here. */
export function toInstance(found: ContainerInspectInfo, reachable: boolean): Instance {
  const { State: state, HostConfig: host } = found;
  const shown = stateOf(state.Status);
  const address = Object.values(found.NetworkSettings?.Networks ?? {})
    .map(network => network?.IPAddress)
    .find(Boolean);
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    state: shown,
    labels: { ...found.Config.Labels },
    imageId: contentId(found.Image),
    limits: limitsOf(host as HostLimits),
    autoStart: host.RestartPolicy?.Name === 'unless-stopped',
    ...(shown === 'Running' && reachable && address && { address }),
    publish: publishOf(host.PortBindings as PortBindings | null),
    mounts: Object.fromEntries(
      (found.Mounts ?? [])
        .filter(mount => mount.Type === 'volume' && mount.Name)
        .map(mount => [mount.Destination, mount.Name as string]),
    ),
    ...(isTime(state.StartedAt) && { startedAt: state.StartedAt }),
    ...(shown === 'Stopped' && { exitCode: state.ExitCode }),
  };
}

/** A container that the engine is about to restart, or that is frozen, does not run: start() brings it back. */
function stateOf(status: string): InstanceState {
  switch (status) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'Created';
    case 'running':
      return 'Running';
    default:
      return 'Stopped';
  }
}

/** Podman leaves out the algorithm. */
export function contentId(id: string): string {
  return id.startsWith('sha256:') ? id : `sha256:${id}`;
}

interface HostLimits {
  CpuPeriod?: number;
  CpuQuota?: number;
  NanoCpus?: number;
  Memory?: number;
  MemorySwap?: number;
  PidsLimit?: number | null;
}

function limitsOf(host: HostLimits): Limits {
  const quota = host.CpuQuota ?? 0;
  const cpuMillis =
    quota > 0
      ? Math.round((quota * 1000) / (host.CpuPeriod || CPU_PERIOD_MICROS))
      : Math.round((host.NanoCpus ?? 0) / 1e6);
  const memoryBytes = host.Memory ?? 0;
  return {
    ...(cpuMillis > 0 && { cpuMillis }),
    ...(memoryBytes > 0 && memoryBytes < UNLIMITED_BYTES && { memoryBytes }),
    pids: Math.max(0, host.PidsLimit ?? 0),
  };
}

/**
 * Limits as the engine takes them, at create and at update. Quota and period instead of NanoCpus, of which none means "as
 * it was" to an update. Swap equals memory: a workspace that swaps slows down the whole node.
 */
export function hostLimits({ cpuMillis, memoryBytes, pids }: Limits) {
  return {
    CpuPeriod: CPU_PERIOD_MICROS,
    // The kernel takes no less than a millisecond.
    CpuQuota: cpuMillis ? Math.max(1000, Math.round((cpuMillis * CPU_PERIOD_MICROS) / 1000)) : -1,
    Memory: memoryBytes ?? UNLIMITED_BYTES,
    MemorySwap: memoryBytes ?? UNLIMITED_BYTES,
    PidsLimit: pids > 0 ? pids : DEFAULT_PIDS,
  };
}

type PortBindings = Record<string, { HostIp?: string; HostPort: string }[] | null>;

function publishOf(bindings: PortBindings | null): Instance['publish'] {
  return Object.entries(bindings ?? {}).flatMap(([port, hosts]) =>
    (hosts ?? []).map(({ HostIp, HostPort }) => ({
      containerPort: Number.parseInt(port, 10),
      hostPort: Number(HostPort),
      hostAddress: HostIp || '0.0.0.0',
    })),
  );
}

function isTime(time: string | undefined): time is string {
  return time !== undefined && time !== '' && !time.startsWith('0001-');
}
