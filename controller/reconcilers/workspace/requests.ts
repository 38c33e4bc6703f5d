import { DEFAULT_PIDS, DEFAULT_SERVICE_PORTS, DEFAULT_SSH_PORTS } from '../../../crds/names.ts';
import type { Node, PlacementSpec, Workspace, WorkspaceSpec } from '../../../crds/types.generated.ts';
import type { Reason } from '../../../crds/vocabulary.ts';
import { parseBytes, parseCpuMillis } from '../../kit/quantity.ts';

export type DriverName = PlacementSpec['driver'];

/** Image of workspaces that name none, by what runs them. */
export type DefaultImage = (driver: DriverName) => string;

/** What a workspace would run on each driver; undefined where nobody says. */
export function imageFor(spec: WorkspaceSpec, defaultImage?: DefaultImage) {
  return (driver: DriverName): string | undefined => spec.image ?? defaultImage?.(driver);
}

/** Why a workspace is not as it should be, for a condition and an event. */
export interface Problem {
  reason: Reason;
  /** A sentence that says what to do next. No times. */
  message: string;
}

/** First and last port, inclusive. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** What is set aside on a node. */
export interface Amounts {
  cpuMillis: number;
  memoryBytes: number;
  diskBytes: number;
}

/** What a workspace asks for; 0 where it sets no limit. */
export function requestedAmounts(spec: WorkspaceSpec): Amounts {
  const { cpu, memory, disk } = spec.resources ?? {};
  return {
    cpuMillis: (cpu !== undefined && parseCpuMillis(cpu)) || 0,
    memoryBytes: (memory !== undefined && parseBytes(memory)) || 0,
    diskBytes: (disk !== undefined && parseBytes(disk)) || 0,
  };
}

/** What a placement has set aside. */
export function placedAmounts(spec: PlacementSpec): Amounts {
  const { cpuMillis = 0, memoryBytes = 0, diskBytes = 0 } = spec.resources ?? {};
  return { cpuMillis, memoryBytes, diskBytes };
}

/** Limits of a placement as its spec states them: what is 0 has no limit and is absent. */
export function toResources(amounts: Amounts, pids: number | undefined): PlacementSpec['resources'] {
  return {
    ...(amounts.cpuMillis > 0 && { cpuMillis: amounts.cpuMillis }),
    ...(amounts.memoryBytes > 0 && { memoryBytes: amounts.memoryBytes }),
    ...(amounts.diskBytes > 0 && { diskBytes: amounts.diskBytes }),
    pids: pids ?? DEFAULT_PIDS,
  };
}

/** Parsed once for each version of a node: every workspace asks every node. */
const allocatable = new WeakMap<Node, Amounts>();

/** What a node can give; Infinity where it does not say. */
export function allocatableAmounts(node: Node): Amounts {
  const known = allocatable.get(node);
  if (known) return known;
  const { cpu, memory, disk } = node.status?.allocatable ?? node.status?.capacity ?? {};
  const amounts = {
    cpuMillis: (cpu === undefined ? undefined : parseCpuMillis(cpu)) ?? Number.POSITIVE_INFINITY,
    memoryBytes: (memory === undefined ? undefined : parseBytes(memory)) ?? Number.POSITIVE_INFINITY,
    diskBytes: (disk === undefined ? undefined : parseBytes(disk)) ?? Number.POSITIVE_INFINITY,
  };
  allocatable.set(node, amounts);
  return amounts;
}

export function portRanges(node: Node | undefined): { ssh: PortRange; services: PortRange } {
  return {
    ssh: node?.spec?.ports?.ssh ?? DEFAULT_SSH_PORTS,
    services: node?.spec?.ports?.services ?? DEFAULT_SERVICE_PORTS,
  };
}

/** Every port of a workspace that is forwarded from its node: of services first, then declared ones, in their order. */
export function wantedForwards(
  spec: Workspace['spec'],
): { name: string; port: number; exposure: 'Private' | 'Node' }[] {
  return [...(spec.services ?? []), ...(spec.ports ?? [])].flatMap(({ name, port, exposure }) =>
    port === undefined ? [] : [{ name, port, exposure: exposure ?? 'Private' }],
  );
}
