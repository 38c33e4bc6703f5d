import type { Node, WorkspaceSpec } from '../../../crds/types.generated.ts';
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

/**
 * The nodes that can take a workspace, least loaded first: fewest PreferNoSchedule taints that it does not tolerate,
 * then the lowest share of the scarcest resource once it is there (in steps of a hundredth), then the fewest
 * workspaces, then the name. Deterministic. A NoExecute taint keeps new workspaces off like NoSchedule does; it never
 * moves one that is there, for its data is there too.
 */
export function schedule(spec: WorkspaceSpec, candidates: Iterable<Candidate>): Schedule {
  const request = { ...requestedAmounts(spec), forwards: wantedForwards(spec).length };
  const reasons = new Map<string, number>();
  const fits: { node: Node; driver: DriverName; rank: [number, number, number] }[] = [];
  let total = 0;
  for (const candidate of candidates) {
    total++;
    const judged = judge(spec, request, candidate);
    if ('reason' in judged) reasons.set(judged.reason, (reasons.get(judged.reason) ?? 0) + 1);
    else fits.push({ node: candidate.node, ...judged });
  }
  if (fits.length === 0) {
    const lacksPorts = total > 0 && [...reasons.keys()].every(why => why === NO_SSH_PORT || why === NO_PORTS);
    return { message: describe(total, reasons), lacksPorts };
  }
  fits.sort((a, b) => compareRanks(a.rank, b.rank) || (a.node.metadata.name < b.node.metadata.name ? -1 : 1));
  return { fits: fits.map(({ node, driver }) => ({ node, driver })) };
}

function judge(
  spec: WorkspaceSpec,
  request: Amounts & { forwards: number },
  { node, load }: Candidate,
): { reason: string } | { driver: DriverName; rank: [number, number, number] } {
  if (node.metadata.deletionTimestamp) return { reason: 'be going' };
  if (node.spec?.unschedulable) return { reason: 'be unschedulable' };
  if (!isReady(node)) return { reason: 'be not ready' };
  if (!Object.entries(spec.nodeSelector ?? {}).every(([k, v]) => node.metadata.labels?.[k] === v))
    return { reason: 'lack the labels of nodeSelector' };
  const untolerated = (node.spec?.taints ?? []).filter(taint => !isTolerated(taint, spec.tolerations ?? []));
  const hard = untolerated.find(taint => taint.effect !== 'PreferNoSchedule');
  if (hard) return { reason: `have taint ${hard.key} that is not tolerated` };
  const ready = (node.status?.drivers ?? []).filter(driver => driver.ready).map(driver => driver.name);
  const driver = DRIVER_PREFERENCE.find(name => ready.includes(name) && (spec.driver ?? name) === name);
  if (!driver) return { reason: spec.driver ? `lack driver ${spec.driver}` : 'have no driver that is ready' };

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
  );
  return { driver, rank: [untolerated.length, Math.round(share * 100), load.workspaces] };
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

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

/** As in Kubernetes: an empty effect or key matches every one; Exists asks for no value. */
export function isTolerated(taint: Taint, tolerations: NonNullable<WorkspaceSpec['tolerations']>): boolean {
  return tolerations.some(({ key, operator, value, effect }) => {
    if (effect && effect !== taint.effect) return false;
    if (operator === 'Exists') return !key || key === taint.key;
    return key === taint.key && (value ?? '') === (taint.value ?? '');
  });
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
