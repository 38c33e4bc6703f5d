import type { Node, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { familiarName } from '../../kit/image-name.ts';
import { toleranceMs } from './no-execute.ts';
import {
  type Amounts,
  allocatableAmounts,
  type DriverName,
  portRanges,
  requestedAmounts,
  wantedForwards,
} from './requests.ts';

/** What a node has given out. */
export interface NodeLoad extends Amounts {
  workspaces: number;
  /** Ports of the node's ranges that are in use. */
  sshPorts: number;
  servicePorts: number;
}

export interface Candidate {
  node: Node;
  load: NodeLoad;
  /** Workspaces of the same namespace that are there. Defaults to 0. */
  neighbours?: number;
}

export type Schedule =
  /** Nodes that fit, best first. */
  | { fits: { node: Node; driver: DriverName }[] }
  /** Why none does, as in `0/5 nodes: 3 lack driver lxc, 2 have not enough memory`; and whether ports are all they lack. */
  | { message: string; lacksPorts: boolean };

const NO_SSH_PORT = 'have no free SSH port';
const NO_PORTS = 'have not enough free ports';

/** Order in which a node's drivers are chosen when the workspace names none. */
const DRIVER_PREFERENCE: readonly DriverName[] = ['docker', 'lxc', 'kubernetes', 'memory'];

/** Most points of each part of the score. */
const POINTS = { free: 100, spread: 50, image: 20 } as const;

/**
 * The nodes that can take a workspace, best first: fewest PreferNoSchedule taints that it does not tolerate, then most
 * points, then fewest workspaces, then the name. Points: up to 100 for what is left of the scarcest of processor, memory,
 * disk and SSH ports once it is there; up to 50 for few workspaces of the same namespace, 0 where most of them are; 20
 * where the image is (`imageOf` each driver). Deterministic. A NoExecute taint keeps new workspaces off like NoSchedule
 * does, also those that tolerate it for a while only: they would lose their files soon.
 */
export function schedule(
  spec: WorkspaceSpec,
  candidates: Iterable<Candidate>,
  imageOf: (driver: DriverName) => string | undefined = () => spec.image,
): Schedule {
  const request = { ...requestedAmounts(spec), forwards: wantedForwards(spec).length };
  const reasons = new Map<string, number>();
  const fitting: (Fit & { candidate: Candidate })[] = [];
  let total = 0;
  for (const candidate of candidates) {
    total++;
    const judged = judge(spec, request, candidate);
    if ('reason' in judged) reasons.set(judged.reason, (reasons.get(judged.reason) ?? 0) + 1);
    else fitting.push({ candidate, ...judged });
  }
  if (fitting.length === 0) {
    const lacksPorts = total > 0 && [...reasons.keys()].every(why => why === NO_SSH_PORT || why === NO_PORTS);
    return { message: describe(total, reasons), lacksPorts };
  }
  const most = Math.max(...fitting.map(({ candidate }) => candidate.neighbours ?? 0));
  const ranked = fitting.map(({ candidate: { node, load, neighbours = 0 }, driver, avoided, share }) => {
    const spread = most > 0 ? 1 - neighbours / most : 1;
    const image = imageOf(driver);
    const names = image === undefined ? [] : [image, familiarName(image)];
    const hasImage = node.status?.images?.some(name => names.includes(name));
    const points =
      Math.round(POINTS.free * (1 - share)) +
      Math.round(POINTS.spread * spread) +
      (hasImage ? POINTS.image : 0);
    return { node, driver, rank: [avoided, -points, load.workspaces] };
  });
  ranked.sort(
    (a, b) => compareRanks(a.rank, b.rank) || (a.node.metadata.name < b.node.metadata.name ? -1 : 1),
  );
  return { fits: ranked.map(({ node, driver }) => ({ node, driver })) };
}

interface Fit {
  driver: DriverName;
  /** PreferNoSchedule taints that are not tolerated. */
  avoided: number;
  /** Of the scarcest resource, once the workspace is there; 0 to 1. */
  share: number;
}

function judge(
  spec: WorkspaceSpec,
  request: Amounts & { forwards: number },
  { node, load }: Candidate,
): { reason: string } | Fit {
  if (node.metadata.deletionTimestamp) return { reason: 'be going' };
  if (node.spec?.drain) return { reason: 'be being drained' };
  if (node.spec?.unschedulable) return { reason: 'be unschedulable' };
  if (!isReady(node)) return { reason: 'be not ready' };
  if (!Object.entries(spec.nodeSelector ?? {}).every(([k, v]) => node.metadata.labels?.[k] === v))
    return { reason: 'lack the labels of nodeSelector' };
  const untolerated = (node.spec?.taints ?? []).filter(
    taint => toleranceMs(taint, spec.tolerations) < Number.POSITIVE_INFINITY,
  );
  const hard = untolerated.find(taint => taint.effect !== 'PreferNoSchedule');
  if (hard)
    return toleranceMs(hard, spec.tolerations) > 0
      ? { reason: `have taint ${hard.key} that is tolerated for a while only` }
      : { reason: `have taint ${hard.key} that is not tolerated` };
  const driver = driverOf(spec, node);
  if ('reason' in driver) return driver;

  const free = allocatableAmounts(node);
  if (load.cpuMillis + request.cpuMillis > free.cpuMillis) return { reason: 'have not enough CPU' };
  if (load.memoryBytes + request.memoryBytes > free.memoryBytes) return { reason: 'have not enough memory' };
  if (load.diskBytes + request.diskBytes > free.diskBytes) return { reason: 'have not enough disk' };
  const ranges = portRanges(node);
  if (load.sshPorts + 1 > size(ranges.ssh)) return { reason: NO_SSH_PORT };
  if (load.servicePorts + request.forwards > size(ranges.services)) return { reason: NO_PORTS };
  const share = Math.max(
    portion(load.cpuMillis + request.cpuMillis, free.cpuMillis),
    portion(load.memoryBytes + request.memoryBytes, free.memoryBytes),
    portion(load.diskBytes + request.diskBytes, free.diskBytes),
    // A workspace that sets no limits aside weighs something too.
    portion(load.sshPorts + 1, size(ranges.ssh)),
  );
  return { driver: driver.name, avoided: untolerated.length, share };
}

function driverOf(spec: WorkspaceSpec, { status }: Node): { reason: string } | { name: DriverName } {
  const drivers = status?.drivers ?? [];
  const ready = drivers.filter(driver => driver.ready).map(driver => driver.name);
  const name = DRIVER_PREFERENCE.find(name => ready.includes(name) && (spec.driver ?? name) === name);
  if (name) return { name };
  if (!spec.driver) return { reason: 'have no driver that is ready' };
  const isThere = drivers.some(driver => driver.name === spec.driver);
  return { reason: `${isThere ? 'have an unready' : 'lack'} driver ${spec.driver}` };
}

const size = (range: { from: number; to: number }) => range.to - range.from + 1;

const portion = (used: number, of: number) => (of > 0 ? used / of : 0);

/** Whether the controller found the node's agent and a driver. */
export function isReady(node: Node): boolean {
  return (
    node.status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ??
    false
  );
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, left] of a.entries()) if (left !== b[i]) return left - (b[i] ?? 0);
  return 0;
}

/** Reasons are written for several nodes; the most frequent comes first. */
function describe(total: number, reasons: Map<string, number>): string {
  if (total === 0) return '0/0 nodes: there is no node yet; start an agent with "nexus agent" or "nexus up"';
  const parts = [...reasons]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([reason, n]) => `${n} ${inflect(reason, n)}`);
  return `0/${total} nodes: ${parts.join(', ')}`;
}

function inflect(reason: string, n: number): string {
  const [verb = '', ...rest] = reason.split(' ');
  const forms: Record<string, [string, string]> = {
    be: ['is', 'are'],
    have: ['has', 'have'],
    lack: ['lacks', 'lack'],
  };
  return [forms[verb]?.[n === 1 ? 0 : 1] ?? verb, ...rest].join(' ');
}
