import type { Clock } from '../../controller/kit/clock.ts';
import type { Placement, PlacementStatus } from '../../crds/types.generated.ts';
import type { Instance } from '../driver.ts';
import type { GuestWatch } from '../engine/guest-watch.ts';
import type { GuestState } from '../guest/guest.ts';
import type { HealthMonitor } from '../health/health-monitor.ts';
import type { Desired } from '../model/desired.ts';
import type { KnownContainer, ServiceHealth } from '../model/observed.ts';
import type { Tunnel, TunnelTarget } from '../ssh/tunnel.ts';
import { toTheSecond } from '../status/summarize.ts';
import { Attempts } from './attempts.ts';
import type { ImageJob } from './image-jobs.ts';

/** What the agent holds in memory for one placement. Everything in it can be lost: the engine and the API have the truth. */
export interface Unit {
  readonly name: string;
  readonly workspaceUid: string;
  /** Of the placement as it was last looked at. */
  placementUid: string;
  readonly attempts: Attempts;
  /** When this agent first saw it; milliseconds since the epoch. */
  readonly since: number;
  /** The placement carries this agent's finalizer, whatever the cache shows yet. */
  hasFinalizer?: boolean;
  resolved?: { placement: string; secret: string; desired: Desired };
  imageJob?: ImageJob;
  guest?: GuestWatch;
  /** `addresses`: where the node reaches its sshd, in order. */
  tunnel?: { identity: string; instanceId: string; addresses: TunnelTarget['addresses']; tunnel: Tunnel };
  health?: HealthMonitor;
  /** Services that an earlier agent found healthy; until they are checked by this one. */
  healthyBefore: ReadonlySet<string>;
  /** The container as this agent, or the status it wrote before it was restarted, last knew it. */
  known: KnownContainer;
  /** The start of a container that was seen last. */
  start?: { instanceId: string; startedAt?: string };
  /** Its instance is being told how long it may go on. */
  isRenewing?: boolean;
  /** The fenced instance that this agent has told so. */
  renewedInstance?: string;
  /** This agent has removed what it made, or left it as it was told to. */
  isReleased?: boolean;
  /** What was last seen, for telling what changed. */
  seen?: { instanceId: string; guest: GuestState; health: Record<string, ServiceHealth> };
  /** Restarts asked for by this agent that the guest has not counted yet, by service. */
  ownRestarts: Map<string, number>;
  preStopSince?: number;
  /** When this agent configured a container that it had just started. */
  startedNowAt?: number;
  /** Looks in a row at which the engine, or the inside, did not answer. */
  blindLooks: number;
  /** Digest of the authorised keys that were last written. */
  appliedKeys?: string;
  /** Whether the status already spoke of the present generation when this agent was started. */
  settledBefore: boolean;
  /** Status that is being, or was last, written. */
  status?: PlacementStatus;
  /** The instance's address, for forwards and checks. */
  address?: string;
  instanceId?: string;
}

export function createUnit(placement: Placement, clock: Clock, random: () => number): Unit {
  const { status, metadata, spec } = placement;
  const unit: Unit = {
    name: metadata.name,
    workspaceUid: spec.workspace.uid,
    placementUid: metadata.uid ?? '',
    attempts: new Attempts(clock, random),
    known: 'Missing',
    since: clock.now(),
    ownRestarts: new Map(),
    blindLooks: 0,
    settledBefore: status?.observedGeneration === metadata.generation,
    healthyBefore: new Set(
      (status?.services ?? []).filter(({ health }) => health === 'Healthy').map(({ name }) => name),
    ),
    ...(status?.observedGeneration !== undefined && { status }),
  };
  recall(unit, status?.container);
  return unit;
}

/** What an earlier agent knew of the container, so that what became of it meanwhile can be told. */
export function recall(unit: Unit, container: NonNullable<PlacementStatus['container']> | undefined): void {
  if (!container) return;
  const { id, startedAt, state = 'Missing' } = container;
  unit.known = state === 'Missing' && startedAt !== undefined ? 'Removed' : state;
  if (id !== undefined && unit.known === 'Running') unit.start = { instanceId: id, startedAt };
}

/** The very container that was seen last, in another run. A status tells the time to the second. */
export function hasStartedAnew({ start }: Unit, { id, startedAt }: Instance): boolean {
  if (start?.instanceId !== id || start.startedAt === undefined || startedAt === undefined) return false;
  return start.startedAt !== startedAt && start.startedAt !== toTheSecond(startedAt);
}

/** Ends everything that follows the placement; forwards are the forwarder's. */
export async function disposeUnit(unit: Unit): Promise<void> {
  unit.health?.stop();
  await Promise.all([unit.imageJob?.stop(), unit.guest?.stop(), unit.tunnel?.tunnel.stop()]);
  unit.imageJob = undefined;
  unit.guest = undefined;
  unit.tunnel = undefined;
  unit.health = undefined;
}
