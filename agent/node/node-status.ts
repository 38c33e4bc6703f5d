import { formatBytes, formatCpuMillis } from '../../controller/kit/quantity.ts';
import { setCondition } from '../../controller/runtime/conditions.ts';
import type { Condition } from '../../crds/object.ts';
import type { NodeStatus } from '../../crds/types.generated.ts';
import type { DriverInfo, DriverName } from '../driver.ts';

export interface DriverReport {
  name: DriverName;
  info?: DriverInfo;
  /** Why there is none. */
  error?: string;
}

export interface NodeReport {
  address: string;
  drivers: DriverReport[];
  /** Set aside for the node itself. */
  reserve: { cpuMillis: number; memoryBytes: number; diskBytes: number };
  versions: NonNullable<NodeStatus['versions']>;
}

const MIB = 2 ** 20;
const MAX_IMAGES = 50;

/**
 * The agent's part of Node.status: a function of what the drivers say. `previous` are the conditions as last written,
 * whose times stay while nothing changes.
 */
export function nodeStatus(report: NodeReport, previous: readonly Condition[], nowMs: number): NodeStatus {
  const { drivers, reserve } = report;
  const capacity = capacityOf(drivers);
  let conditions: Condition[] = [...previous];
  for (const condition of [driversCondition(drivers), isolationCondition(drivers)])
    conditions = setCondition(conditions, condition, nowMs);
  return {
    address: report.address,
    drivers: drivers.map(({ name, info, error }) => ({
      name,
      ready: info !== undefined,
      ...(info && { version: info.version }),
      ...(error && { message: error }),
    })),
    ...(capacity && { capacity: amounts(capacity), allocatable: amounts(minus(capacity, reserve)) }),
    conditions,
    ...imagesOf(drivers),
    versions: report.versions,
  };
}

/** Drivers share one machine: the largest that any of them sees. Undefined when none answers. */
function capacityOf(drivers: DriverReport[]): DriverInfo['capacity'] | undefined {
  const seen = drivers.flatMap(({ info }) => (info ? [info.capacity] : []));
  if (seen.length === 0) return undefined;
  const most = (key: keyof DriverInfo['capacity']) => Math.max(...seen.map(capacity => capacity[key]));
  return { cpuMillis: most('cpuMillis'), memoryBytes: most('memoryBytes'), diskBytes: most('diskBytes') };
}

/** By name, so that an image that grew is no news. */
function imagesOf(drivers: DriverReport[]): Pick<NodeStatus, 'images'> {
  const seen = new Set(drivers.flatMap(({ info }) => info?.images ?? []));
  return seen.size > 0 ? { images: [...seen].slice(0, MAX_IMAGES).sort() } : {};
}

function minus(a: DriverInfo['capacity'], b: DriverInfo['capacity']): DriverInfo['capacity'] {
  return {
    cpuMillis: Math.max(0, a.cpuMillis - b.cpuMillis),
    memoryBytes: Math.max(0, a.memoryBytes - b.memoryBytes),
    diskBytes: Math.max(0, a.diskBytes - b.diskBytes),
  };
}

const amounts = ({ cpuMillis, memoryBytes, diskBytes }: DriverInfo['capacity']) => ({
  cpu: formatCpuMillis(cpuMillis),
  memory: formatBytes(Math.floor(memoryBytes / MIB) * MIB),
  disk: formatBytes(Math.floor(diskBytes / MIB) * MIB),
});

function driversCondition(drivers: DriverReport[]) {
  const ready = drivers.filter(({ info }) => info).map(({ name }) => name);
  const down = drivers.find(({ info }) => !info);
  if (ready.length > 0)
    return {
      type: 'DriversReady',
      status: 'True' as const,
      reason: 'DriverReady',
      message: `The engine answers: ${ready.join(', ')}.`,
    };
  return {
    type: 'DriversReady',
    status: 'False' as const,
    reason: 'DriverUnavailable',
    message: `No engine answers${down ? `; ${down.name}: ${down.error ?? 'unknown'}` : ''}. Start it, or see that the agent may use it.`,
  };
}

function isolationCondition(drivers: DriverReport[]) {
  const seen = drivers.flatMap(({ name, info }) => (info ? [{ name, ...info.isolation }] : []));
  const open = seen.find(({ enforced }) => !enforced);
  const type = 'WorkspacesIsolated';
  if (open)
    return {
      type,
      status: 'False' as const,
      reason: 'NotIsolated',
      message: `${open.name}: ${open.message}`,
    };
  if (seen.length === 0)
    return { type, status: 'Unknown' as const, reason: 'DriverUnavailable', message: 'No engine answers.' };
  return {
    type,
    status: 'True' as const,
    reason: 'Isolated',
    message: 'Workspaces cannot reach each other or the node.',
  };
}
