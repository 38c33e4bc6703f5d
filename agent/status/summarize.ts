import { timestamp } from '../../controller/kit/clock.ts';
import { sha256 } from '../../controller/kit/hash.ts';
import { getCondition, setCondition } from '../../controller/runtime/conditions.ts';
import type { PlacementForwardStatus } from '../../crds/kinds.ts';
import type { Condition } from '../../crds/object.ts';
import type { PlacementStatus } from '../../crds/types.generated.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { withoutCredentials } from '../model/repository-url.ts';
import { repositoryCondition, servicesCondition } from './inside-conditions.ts';
import {
  containerCondition,
  imageCondition,
  portConflicts,
  portsCondition,
  sshCondition,
} from './instance-conditions.ts';
import { readyCondition } from './ready-condition.ts';
import { serviceStatuses } from './service-status.ts';
import { DELETING, FENCED, type PlacementCondition, STOPPED, unknown, type Verdict } from './verdict.ts';

/**
 * The status of a Placement: a function of what was asked for and observed. Equal observations give an equal status, so
 * that nothing is written while nothing changes; times move with what they speak of.
 */
export function summarize(
  desired: Desired,
  observed: Observed,
  previous: PlacementStatus | undefined,
  nowMs: number,
): PlacementStatus {
  const services = serviceStatuses(desired, observed, previous, nowMs);
  const toldMs = nowMs - (observed.clockAheadMs ?? 0);
  const conflicts = portConflicts(desired, observed);
  const verdicts = verdictsOf({ desired, observed, previous, conflicts, services });
  const repository = repositoryOf(desired, observed, previous);
  let conditions: Condition[] = previous?.conditions ?? [];
  for (const [type, verdict] of Object.entries(verdicts))
    conditions = setCondition(
      conditions,
      { type, ...verdict, observedGeneration: desired.generation },
      toldMs,
    );
  return {
    observedGeneration: desired.generation,
    workspaceGeneration: desired.workspaceGeneration,
    conditions,
    ...fenceOf(desired, observed, previous),
    container: observed.engineError ? previous?.container : containerOf(desired, observed, previous),
    ...restartOf(observed, previous),
    ...sshOf(desired, previous),
    services,
    forwards: forwardsOf(desired, observed),
    portConflicts: conflicts,
    ...(repository && { repository }),
  };
}

/** What is told is held to: the workspace may be started elsewhere on the strength of it. */
function fenceOf(
  { mayMove, fenceMark }: Desired,
  { engineError, driverMissing, instance, guest }: Observed,
  previous: PlacementStatus | undefined,
): Pick<PlacementStatus, 'fence'> {
  if (!mayMove || fenceMark === undefined) return {};
  const isDown = !engineError && !driverMissing && instance?.state !== 'Running';
  const holds = isDown || guest?.fenced || (!guest && previous?.fence === fenceMark);
  return holds && instance?.autoStart !== true ? { fence: fenceMark } : {};
}

interface Findings {
  desired: Desired;
  observed: Observed;
  previous: PlacementStatus | undefined;
  conflicts: number[];
  services: NonNullable<PlacementStatus['services']>;
}

function verdictsOf({
  desired,
  observed,
  previous,
  conflicts,
  services,
}: Findings): Record<PlacementCondition, Verdict> {
  const before = (type: PlacementCondition) => getCondition(previous?.conditions, type);
  const fromEngine = unavailable(desired, observed);
  const isFenced = observed.fence === 'Stop' && desired.running;
  const down = desired.deleting ? DELETING : isFenced ? FENCED : desired.running ? undefined : STOPPED;
  const others = {
    ImageReady: fromEngine ?? imageCondition(desired, observed),
    ContainerReady: fromEngine ?? containerCondition(desired, observed),
    SSHReady:
      fromEngine ??
      down ??
      sshCondition(desired, observed, {
        condition: before('SSHReady'),
        containerId: previous?.container?.id,
      }),
    RepositoryReady:
      fromEngine ??
      repositoryCondition(desired, observed, {
        condition: before('RepositoryReady'),
        repository: previous?.repository,
      }),
    ServicesReady:
      fromEngine ?? down ?? servicesCondition(desired, observed, services, before('ServicesReady')),
    PortsReady: down ?? portsCondition(desired, observed, conflicts),
  };
  return { ...others, Ready: readyCondition(desired, observed, others) };
}

function unavailable({ driver }: Desired, { driverMissing, engineError }: Observed): Verdict | undefined {
  if (driverMissing)
    return {
      status: 'False',
      reason: 'DriverUnavailable',
      message: `This node has no driver ${driver}; start its agent with it or place the workspace elsewhere.`,
    };
  return engineError === undefined
    ? undefined
    : unknown('DriverUnavailable', 'The engine does not answer; see that it runs on the node.');
}

/** That there was one is kept: the next one is no new one to the next agent, too. */
function containerOf(
  desired: Desired,
  { instance }: Observed,
  previous: PlacementStatus | undefined,
): PlacementStatus['container'] {
  if (!instance) {
    const last = previous?.container?.startedAt;
    return { state: 'Missing', image: desired.image, ...(last && { startedAt: last }) };
  }
  const startedAt = toTheSecond(instance.startedAt);
  return {
    id: instance.id,
    state: instance.state,
    image: desired.image,
    imageID: instance.imageId,
    ...(startedAt && { startedAt }),
  };
}

/** A mark is noted before the start that it asks for: it is carried out once the container runs. */
function restartOf(
  { instance, restartMark }: Observed,
  previous: PlacementStatus | undefined,
): Pick<PlacementStatus, 'restartedAt'> {
  const restartedAt = instance?.state === 'Running' ? restartMark : previous?.restartedAt;
  return restartedAt === undefined ? {} : { restartedAt };
}

/** Engines tell nanoseconds. */
export function toTheSecond(time: string | undefined): string | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : timestamp(ms);
}

/** Host keys belong to the workspace: they stay while the Secret is out of sight. */
function sshOf({ inside }: Desired, previous: PlacementStatus | undefined): Pick<PlacementStatus, 'ssh'> {
  const hostKeys = inside ? [inside.hostPublicKey] : previous?.ssh?.hostKeys;
  return hostKeys ? { ssh: { hostKeys } } : {};
}

function forwardsOf(desired: Desired, observed: Observed): PlacementForwardStatus[] {
  return desired.forwards.flatMap(({ name }) => {
    const now = observed.forwards[name];
    if (!now) return [];
    const { port, hostPort, exposure, state, message } = now;
    return [{ name, port, hostPort, exposure, state, ...(message && { message }) }];
  });
}

/** `ref` is what was asked for when the clone was seen first: a later change of the spec does not move it. */
function repositoryOf(
  { repo, running }: Desired,
  { guest }: Observed,
  previous: PlacementStatus | undefined,
): PlacementStatus['repository'] {
  const before = previous?.repository;
  if (!guest?.configured && !guest?.repository) return repo || !running ? before : undefined;
  if (!guest.repository) return undefined;
  const { url, commit, branch, dirty, config } = guest.repository;
  const text = config && 'text' in config ? config.text : undefined;
  return {
    url: withoutCredentials(url),
    ref: before?.ref ?? repo?.ref ?? '',
    commit,
    branch,
    dirty,
    ...(config && { config: text === undefined ? { digest: '' } : { digest: sha256(text), text } }),
  };
}
