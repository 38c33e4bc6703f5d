import type { Node, Placement, Workspace } from '../../../crds/types.generated.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import { type Eviction, hasLeft, isDrivenAway, mayMove, shouldRun } from '../workspace/evictions.ts';

export interface Placed {
  placement: Placement;
  workspace: Workspace;
}

export interface NodeOccupants {
  node: Node;
  /** What is placed on the node. */
  placed: readonly Placed[];
  /** Workspaces that have left the node and have not arrived elsewhere. */
  leaving: readonly Workspace[];
  /** Why no other node takes a workspace; undefined: one does. */
  whyNoHome(workspace: Workspace): string | undefined;
}

export interface EvictionPlan {
  /** Placements to be marked now, so that their workspaces leave or stop. */
  evict: { placement: Placement; by: Eviction }[];
  /** How far the drain is; absent: the node is not drained. */
  drained?: NewCondition;
  /** Somebody waits for room elsewhere, or for the node to answer: look again by and by. */
  isWaiting: boolean;
}

/** How many workspaces are driven away by a taint at once. */
const TAINT_BUDGET = 1;

/**
 * Whose turn it is to leave a node that is drained, or has a NoExecute taint. Of those that are moved or stopped there are
 * never more than the drain's maxConcurrent at once: one that is moved counts until it runs elsewhere or has failed there.
 * Those that may be moved are not until there is room elsewhere. By name; pure.
 */
export function planEvictions({ node, placed, leaving, whyNoHome }: NodeOccupants): EvictionPlan {
  const { drain } = node.spec ?? {};
  const budget = drain ? (drain.maxConcurrent ?? 1) : TAINT_BUDGET;
  const here = placed.map(item => ({ ...item, state: stateOf(item, node) }));
  const moving = here.filter(({ state }) => state === 'moving');
  const stopping = here.filter(({ state }) => state === 'stopping');
  const underWay = new Set(
    [...moving, ...stopping]
      .map(({ workspace }) => workspace)
      .concat(leaving)
      .map(uidOf),
  );
  const evict: EvictionPlan['evict'] = [];
  const blocked: { workspace: Workspace; why: string }[] = [];
  const due = here.filter(({ state }) => state === 'due').sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const { placement, workspace } of due) {
    const why = mayMove(workspace) ? whyNoHome(workspace) : undefined;
    if (why !== undefined) blocked.push({ workspace, why });
    else if (underWay.size + evict.length < budget) evict.push({ placement, by: drain ? 'Drain' : 'Taint' });
  }
  const moves =
    moving.length +
    leaving.filter(workspace => !here.some(item => uidOf(item.workspace) === uidOf(workspace))).length;
  return {
    evict,
    ...(drain && {
      drained: drainedCondition(node, {
        left: due.length + stopping.length + moves,
        moves,
        stops: stopping.length,
        blocked,
      }),
    }),
    isWaiting: blocked.length > 0,
  };
}

type State = 'due' | 'moving' | 'stopping' | 'stays';

function stateOf({ placement, workspace }: Placed, node: Node): State {
  if (placement.metadata.deletionTimestamp) return 'moving';
  const moves = mayMove(workspace) && shouldRun(workspace);
  if (placement.spec.evictedBy) return moves ? 'moving' : hasLeft(placement) ? 'stays' : 'stopping';
  // Its owner stopped it.
  if (!placement.spec.running) return 'stays';
  if (node.spec?.drain) return 'due';
  return moves && isDrivenAway(workspace, node) ? 'due' : 'stays';
}

function drainedCondition(
  { metadata }: Node,
  {
    left,
    moves,
    stops,
    blocked,
  }: { left: number; moves: number; stops: number; blocked: { workspace: Workspace; why: string }[] },
): NewCondition {
  const generation = metadata.generation !== undefined && { observedGeneration: metadata.generation };
  const type = 'Drained';
  if (left === 0)
    return {
      type,
      status: 'True',
      reason: 'Drained',
      message: 'Nothing runs here that was to be moved or stopped.',
      ...generation,
    };
  const [first] = blocked;
  const parts = [
    moves > 0 && `${moves} being moved`,
    stops > 0 && `${stops} being stopped`,
    first && `${blocked.length} waiting for room elsewhere (${nameOf(first)}: ${first.why})`,
  ].filter(Boolean);
  const detail = parts.length > 0 ? `: ${parts.join(', ')}` : '';
  return {
    type,
    status: 'False',
    reason: 'Draining',
    message: `${left} ${left === 1 ? 'workspace is' : 'workspaces are'} left${detail}.`,
    ...generation,
  };
}

const uidOf = ({ metadata }: Workspace) => metadata.uid ?? '';

const nameOf = ({ workspace: { metadata } }: { workspace: Workspace }) =>
  `${metadata.namespace}/${metadata.name}`;
