import { placementName } from '../../../crds/names.ts';
import type { Condition } from '../../../crds/object.ts';
import type {
  Node,
  Placement,
  PlacementStatus,
  Workspace,
  WorkspaceStatus,
} from '../../../crds/types.generated.ts';
import { getCondition, type NewCondition, setCondition } from '../../runtime/conditions.ts';
import { type ConfigView, configCondition } from './config-view.ts';
import { heldBy, mayMove, shouldRun } from './evictions.ts';
import { countReady, endpointOf, foldPorts, foldServices, nodeAddress } from './fold-services.ts';
import { findSilence } from './node-health.ts';
import { observePhase } from './observe-phase.ts';
import { nextPhase, type Phase } from './phases.ts';
import type { Problem } from './requests.ts';

export interface Observation {
  workspace: Workspace;
  placement?: Placement;
  /** The node of the placement. */
  node?: Node;
  /** Public host keys; absent: those of the last status stay. */
  hostKeys?: string[];
  /** The repository's configuration, where it has one. */
  config?: ConfigView;
  /** What keeps the controller from doing what the spec says. */
  problem?: Problem;
  /** What holds up a removal. */
  deletion?: Problem;
  /** Why it is not moved off a lost node. */
  cannotMove?: string;
  /** Milliseconds since the epoch. */
  nowMs: number;
}

/** Conditions that the agent reports, in the order in which they come true. */
const REPORTED = [
  'ImageReady',
  'ContainerReady',
  'RepositoryReady',
  'SSHReady',
  'ServicesReady',
  'PortsReady',
] as const;

/**
 * The status of a workspace: what the controller decided and what the agent reported, as one. Pure. The same
 * observation gives the same status, and nothing in it changes for ever. `target` is the phase that the observation
 * amounts to; `status.phase` is the next legal step there.
 */
export function fold(observation: Observation): { status: WorkspaceStatus; target: Phase } {
  const { workspace, placement, node, problem, deletion } = observation;
  const { metadata, spec, status: before } = workspace;
  const generation = metadata.generation ?? 0;
  const silence = placement && foldSilence(observation, placement);
  const target = targetPhase(observation, silence);
  const phase = nextPhase(before?.phase, target);
  const reported = placement?.status?.workspaceGeneration;
  // Until the agent speaks of the new spec, so does the status not; a refused spec is as observed as it will be.
  const speaksOf = problem || deletion || silence || reported === undefined ? generation : reported;
  const services = foldServices(workspace, placement, node, silence !== undefined);
  const move = foldMove(observation, phase);
  const conditions = foldConditions(observation, { silence, phase, move, generation: speaksOf });
  const ready = getCondition(conditions, 'Ready');
  const host = nodeAddress(node) ?? (placement && before?.ssh?.host);
  const port = placement?.spec.ssh.port;
  const hostKeys = observation.hostKeys ?? before?.ssh?.hostKeys;
  const status: WorkspaceStatus = {
    observedGeneration: speaksOf,
    phase,
    ...(ready?.status !== 'True' && ready?.message && { message: ready.message }),
    conditions,
    ...(placement && {
      nodeName: placement.spec.nodeName,
      placementName: placementName(metadata.name, metadata.namespace ?? ''),
      image: placement.status?.container?.image ?? placement.spec.image,
      ...(placement.status?.restartedAt !== undefined && { restartedAt: placement.status.restartedAt }),
      ...(placement.status?.container?.id && { containerID: placement.status.container.id }),
    }),
    ...(move && { move }),
    servicesReady: countReady(workspace, services, silence !== undefined),
    ...((placement || hostKeys) && {
      ssh: {
        ...(host && { host }),
        ...(port !== undefined && { port }),
        user: placement?.spec.ssh.user ?? spec.ssh?.user,
        ...(host && port !== undefined && { endpoint: endpointOf(host, port) }),
        ...(hostKeys && { hostKeys }),
      },
    }),
    ...(services.length > 0 && { services }),
    ...(placement?.spec.forwards && { ports: foldPorts(placement) }),
    ...foldConfig(observation),
    ...(placement?.status?.repository && { repository: withoutText(placement.status.repository) }),
  };
  return { status, target };
}

/** After a start, and on another node, it takes a moment until somebody has looked: what was known holds until then. */
const isUnseen = ({ config, placement }: Observation) => !config && !placement?.status?.repository;

function foldConfig(observation: Observation): Pick<WorkspaceStatus, 'config'> {
  const { config, workspace } = observation;
  const before = workspace.status?.config;
  if (config) return { config: { digest: config.digest, kept: config.kept } };
  return before && isUnseen(observation) ? { config: before } : {};
}

function configConditions(observation: Observation): NewCondition[] {
  const { config, workspace } = observation;
  if (config) return [configCondition(workspace, config)];
  const before = getCondition(workspace.status?.conditions as Condition[] | undefined, 'ConfigDrift');
  if (!before || !isUnseen(observation)) return [];
  const { type, status, reason, message } = before;
  return [{ type, status, reason, message }];
}

/** The text of its configuration is for the controller alone. */
function withoutText({ config: _, ...repository }: NonNullable<PlacementStatus['repository']>) {
  return repository;
}

type Move = NonNullable<WorkspaceStatus['move']>;

const ARRIVED: readonly Phase[] = ['Running', 'Degraded'];

/** From when its placement is marked until it has arrived elsewhere; also while it is placed nowhere. */
function foldMove({ workspace, placement, deletion }: Observation, phase: Phase): Move | undefined {
  const before = workspace.status?.move;
  if (deletion || !shouldRun(workspace) || !mayMove(workspace)) return undefined;
  if (placement?.spec.evictedBy) return { from: placement.spec.nodeName, reason: placement.spec.evictedBy };
  if (!before || !placement) return before;
  const isStaying = placement.spec.nodeName === before.from && !placement.metadata.deletionTimestamp;
  return isStaying || ARRIVED.includes(phase) ? undefined : before;
}

function foldSilence(
  { workspace, node, cannotMove }: Observation,
  placement: Placement,
): Problem | undefined {
  const { nodeName, driver } = placement.spec;
  const silence = findSilence(node, nodeName, driver);
  if (silence?.reason !== 'NodeUnreachable' || !mayMove(workspace) || !shouldRun(workspace)) return silence;
  return {
    ...silence,
    message: cannotMove
      ? `Node ${nodeName} is lost. ${cannotMove}`
      : `The agent of node ${nodeName} is silent, so nobody knows how the workspace is. Unless it answers in time, the ` +
        'workspace is moved to another node, where it begins with an empty home.',
  };
}

function targetPhase(
  { workspace, placement, problem, deletion }: Observation,
  silence: Problem | undefined,
): Phase {
  if (deletion) return 'Deleting';
  if (silence) return 'Unknown';
  const phase = observePhase(workspace, placement);
  if (!problem) return phase;
  // What is there goes on by the last spec that could be resolved.
  if (placement) return phase === 'Running' ? 'Degraded' : phase;
  if (problem.reason === 'InvalidSpec') return 'Failed';
  return phase;
}

interface Verdict {
  silence: Problem | undefined;
  phase: Phase;
  move: Move | undefined;
  generation: number;
}

function foldConditions(observation: Observation, verdict: Verdict): Condition[] {
  const { workspace, placement, nowMs } = observation;
  const { silence, generation } = verdict;
  const before = workspace.status?.conditions as Condition[] | undefined;
  const wanted: NewCondition[] = [scheduled(observation)];
  for (const type of REPORTED) {
    const seen = getCondition(placement?.status?.conditions as Condition[] | undefined, type);
    if (!seen) continue;
    const told = { type, status: seen.status, reason: seen.reason, message: seen.message };
    wanted.push(silence ? { type, status: 'Unknown', ...silence } : told);
  }
  wanted.push(ready(observation, verdict, wanted));
  // After the sum: it is none of its parts.
  wanted.push(...configConditions(observation));
  let conditions = (before ?? []).filter(old => wanted.some(({ type }) => type === old.type));
  for (const condition of wanted)
    conditions = setCondition(conditions, { ...condition, observedGeneration: generation }, nowMs);
  const order = wanted.map(({ type }) => type);
  return conditions.toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

function scheduled({ workspace, placement, problem }: Observation): NewCondition {
  const type = 'Scheduled';
  if (problem) return { type, status: 'False', ...problem };
  if (placement)
    return {
      type,
      status: 'True',
      reason: 'Scheduled',
      message: `On node ${placement.spec.nodeName}, with SSH port ${placement.spec.ssh.port}.`,
    };
  if (workspace.spec.running === false)
    return { type, status: 'False', reason: 'Stopped', message: 'It is given a node when it is started.' };
  return { type, status: 'Unknown', reason: 'Progressing', message: 'A node is being chosen.' };
}

const LEFT: Record<Move['reason'], string> = {
  Drain: 'drained',
  Taint: 'tainted against it',
  NodeLoss: 'lost',
};

/** The summary: the first thing that is wrong, in the order of conditions. */
function ready(
  { workspace, placement, problem, deletion }: Observation,
  { silence, phase, move }: Verdict,
  others: readonly NewCondition[],
): NewCondition {
  const type = 'Ready';
  if (deletion) return { type, status: 'False', ...deletion };
  if (silence) return { type, status: 'Unknown', ...silence };
  if (problem) return { type, status: 'False', ...problem };
  if (phase === 'Running')
    return { type, status: 'True', reason: 'Ready', message: 'Everything is as declared.' };
  const says = (reason: string, message: string): NewCondition => ({
    type,
    status: 'False',
    reason,
    message,
  });
  // What fails on the new node has not arrived, but that it is moved does not help.
  if (move && phase !== 'Failed')
    return says(
      'Moving',
      `It is being moved off node ${move.from}, which is ${LEFT[move.reason]}, and begins elsewhere with an empty home.`,
    );
  const held = heldBy(workspace, placement);
  if (held === 'Drain')
    return says(
      'NodeDrained',
      `Node ${placement?.spec.nodeName} is drained, so the workspace is stopped there; its files are kept. It goes on after ` +
        `"nexus node uncordon ${placement?.spec.nodeName}".`,
    );
  if (held === 'Taint')
    return says(
      'NodeTainted',
      `Node ${placement?.spec.nodeName} has a NoExecute taint that the workspace does not tolerate, so it is stopped there; ` +
        'its files are kept. It goes on when the taint is gone or spec.tolerations names it.',
    );
  if (phase === 'Stopped') return says('Stopped', 'The workspace is stopped; start it with "nexus start".');
  if (phase === 'Stopping') return says('Stopping', 'The workspace is being stopped; its files are kept.');
  const cause = others.find(condition => condition.status !== 'True') ?? agentsOwn(placement);
  if (phase === 'Failed')
    return says(cause?.reason ?? 'Failed', cause?.message ?? 'The workspace cannot be made.');
  if (phase === 'Degraded')
    return says(cause?.reason ?? 'Degraded', cause?.message ?? 'Something in it does not work.');
  return says('Progressing', cause?.message || 'The agent of the node is at work.');
}

function agentsOwn(placement: Placement | undefined): NewCondition | undefined {
  const own = getCondition(placement?.status?.conditions as Condition[] | undefined, 'Ready');
  return own && own.status !== 'True' ? own : undefined;
}
