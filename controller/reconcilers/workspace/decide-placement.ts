import type { PlacementForward } from '../../../crds/kinds.ts';
import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import { allocatePorts, type PortAllocation } from './allocate-ports.ts';
import type { NodeLedger } from './node-ledger.ts';
import {
  type Amounts,
  allocatableAmounts,
  type DefaultImage,
  type DriverName,
  imageFor,
  type Problem,
  placedAmounts,
  portRanges,
  requestedAmounts,
  wantedForwards,
} from './requests.ts';
import { type Schedule, schedule } from './schedule.ts';

/** Where a workspace runs and what it is given there. */
export interface Decision {
  nodeName: string;
  driver: DriverName;
  amounts: Amounts;
  ssh: number;
  forwards: PlacementForward[];
  /** Something that was asked for could not be given; the rest was. */
  problem?: Problem;
}

/**
 * Chooses node, driver and ports; nothing is written. Synchronous, and to be followed by `ledger.assume` without an
 * await in between. A placed workspace stays on its node with its driver, and keeps every port that it can.
 */
export function decidePlacement(
  workspace: Workspace,
  placement: Placement | undefined,
  ledger: NodeLedger,
  defaultImage?: DefaultImage,
): Decision | { problem: Problem } {
  return placement ? adjust(workspace, placement, ledger) : place(workspace, ledger, defaultImage);
}

function place(
  workspace: Workspace,
  ledger: NodeLedger,
  defaultImage: DefaultImage | undefined,
): Decision | { problem: Problem } {
  const { spec, metadata } = workspace;
  const scheduled = schedule(spec, ledger.candidates(metadata.namespace), imageFor(spec, defaultImage));
  if ('message' in scheduled) return { problem: describeUnfit(scheduled) };
  let problem: Problem | undefined;
  for (const { node, driver } of scheduled.fits) {
    const nodeName = node.metadata.name;
    const ports = allocate(workspace, undefined, nodeName, ledger);
    if (!('exhausted' in ports)) return { nodeName, driver, amounts: requestedAmounts(spec), ...ports };
    problem ??= exhausted(nodeName, ports);
  }
  return { problem: problem ?? { reason: 'NoNodeFits', message: 'No node fits.' } };
}

/** Why no node fits, and what to do. */
export function describeUnfit({ message, lacksPorts }: Extract<Schedule, { message: string }>): Problem {
  return {
    reason: lacksPorts ? 'PortsExhausted' : 'NoNodeFits',
    message: `${message}. Make room, change the spec, or add a node; it is tried again by itself.`,
  };
}

function adjust(
  workspace: Workspace,
  placement: Placement,
  ledger: NodeLedger,
): Decision | { problem: Problem } {
  const { nodeName, driver } = placement.spec;
  if (workspace.spec.driver && workspace.spec.driver !== driver)
    return {
      problem: {
        reason: 'InvalidSpec',
        message:
          `driver: the workspace is on ${nodeName} with driver ${driver}, and its volume cannot move to ` +
          `${workspace.spec.driver}. Set driver back to ${driver}, or delete the workspace and declare it anew.`,
      },
    };
  const ports = allocate(workspace, placement, nodeName, ledger);
  if ('exhausted' in ports) return { problem: exhausted(nodeName, ports) };
  const wanted = requestedAmounts(workspace.spec);
  const current = placedAmounts(placement.spec);
  const lacking = findLacking(wanted, current, nodeName, workspace.metadata.uid ?? '', ledger);
  if (!lacking) return { nodeName, driver, amounts: wanted, ...ports };
  return {
    nodeName,
    driver,
    amounts: current,
    ...ports,
    problem: {
      reason: 'NoNodeFits',
      message:
        `resources: node ${nodeName} has not enough ${lacking} for the change, and the workspace's volume is there. ` +
        'It goes on with its former limits. Ask for less, or make room on the node.',
    },
  };
}

function allocate(
  workspace: Workspace,
  placement: Placement | undefined,
  nodeName: string,
  ledger: NodeLedger,
): PortAllocation {
  const uid = workspace.metadata.uid ?? '';
  const conflicts = new Set(placement?.status?.portConflicts);
  const attempt = (isTaken: (port: number) => boolean) =>
    allocatePorts({
      forwards: wantedForwards(workspace.spec),
      ranges: portRanges(ledger.node(nodeName)),
      ...(placement && {
        existing: { ssh: placement.spec.ssh.port, forwards: placement.spec.forwards ?? [] },
      }),
      isTaken: port => conflicts.has(port) || isTaken(port),
      isLost: port => conflicts.has(port) || ledger.isLost(nodeName, port, uid),
    });
  const careful = attempt(port => ledger.isTaken(nodeName, port, uid));
  // A port that was found taken a while ago is better than none.
  return 'exhausted' in careful ? attempt(port => ledger.isHeld(nodeName, port, uid)) : careful;
}

/** The first amount that grows beyond what the node has left. */
function findLacking(
  wanted: Amounts,
  current: Amounts,
  nodeName: string,
  uid: string,
  ledger: NodeLedger,
): string | undefined {
  const node = ledger.node(nodeName);
  if (!node) return undefined;
  const free = allocatableAmounts(node);
  const others = ledger.load(nodeName, uid);
  const names = { cpuMillis: 'CPU', memoryBytes: 'memory', diskBytes: 'disk' } as const;
  for (const key of Object.keys(names) as (keyof typeof names)[])
    if (wanted[key] > current[key] && others[key] + wanted[key] > free[key]) return names[key];
  return undefined;
}

function exhausted(nodeName: string, ports: Extract<PortAllocation, { exhausted: string }>): Problem {
  const { from, to } = ports.range;
  const what = ports.exhausted === 'ssh' ? 'SSH port' : 'port for services';
  return {
    reason: 'PortsExhausted',
    message:
      `Node ${nodeName} has no free ${what} left in ${from}-${to}. ` +
      `Widen spec.ports.${ports.exhausted} of the node, or delete a workspace; it is tried again by itself.`,
  };
}
