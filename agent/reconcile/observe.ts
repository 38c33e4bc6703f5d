import { LABEL_PLACEMENT, LABEL_WORKSPACE_UID } from '../../crds/names.ts';
import type { AgentContext, Backend } from '../agent-context.ts';
import { DriverError, type DriverName, type Instance } from '../driver.ts';
import type { EngineSnapshot } from '../engine/engine-view.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed, ObservedImage } from '../model/observed.ts';
import { needsImage } from '../plan/plan-instance.ts';
import { followInside } from './follow-inside.ts';
import type { Unit } from './unit.ts';

/** preStop is given so long, then the container is stopped all the same. */
const PRE_STOP_MS = 30_000;

/** Looks at everything that one placement is about. Changes nothing on the engine. */
export async function observe(context: AgentContext, unit: Unit, desired: Desired): Promise<Observed> {
  const backend = context.backends.get(desired.driver);
  const { aheadMs } = context.serverClock;
  const base: Observed = {
    strays: [],
    hasVolume: false,
    health: {},
    tunnel: { state: 'Idle' },
    forwards: backend?.forwarder.list(desired.name) ?? {},
    known: unit.known,
    preStopExpired: hasPreStopExpired(context, unit),
    ...(aheadMs !== 0 && { clockAheadMs: aheadMs }),
    failures: unit.attempts.failures(),
  };
  if (!backend) return { ...base, driverMissing: true };
  let snapshot: EngineSnapshot;
  try {
    snapshot = await backend.view.read();
  } catch (error) {
    return { ...base, engineError: (error as Error).message };
  }
  const instance = snapshot.instances.find(
    found => isOurs(found, desired) && found.name === desired.instance.name,
  );
  unit.instanceId = instance?.id;
  unit.address = instance?.state === 'Running' ? instance.address : undefined;
  const image = await observeImage(backend, unit, desired, instance);
  const inside = await followInside(context, { backend, unit, desired, instance });
  return {
    ...base,
    ...(instance && { instance }),
    strays: await straysOf(context, desired),
    hasVolume: snapshot.volumes.some(volume => volume.name === desired.instance.volume.name),
    ...(image && { image }),
    ...inside,
    restartMark: restartMarkOf(context, desired, instance),
  };
}

function hasPreStopExpired({ clock }: AgentContext, unit: Unit): boolean {
  return unit.preStopSince !== undefined && clock.now() - unit.preStopSince >= PRE_STOP_MS;
}

const isOurs = ({ labels }: Instance, desired: Desired) =>
  labels[LABEL_PLACEMENT] === desired.name && labels[LABEL_WORKSPACE_UID] === desired.workspaceUid;

/** What this workspace left under another name or driver. An engine that does not answer is asked again later. */
async function straysOf(
  { backends }: AgentContext,
  desired: Desired,
): Promise<{ driver: DriverName; instance: Instance }[]> {
  const found: { driver: DriverName; instance: Instance }[] = [];
  for (const [driver, { view }] of backends) {
    const snapshot = await view.read().catch(() => undefined);
    for (const instance of snapshot?.instances ?? [])
      if (isOurs(instance, desired) && (driver !== desired.driver || instance.name !== desired.instance.name))
        found.push({ driver, instance });
  }
  return found;
}

async function observeImage(
  { view }: Backend,
  unit: Unit,
  desired: Desired,
  instance: Instance | undefined,
): Promise<ObservedImage | undefined> {
  if (!needsImage(desired, { instance, failures: unit.attempts.failures() })) {
    // Nobody waits for it any more.
    await unit.imageJob?.stop();
    unit.imageJob = undefined;
    return undefined;
  }
  if (unit.imageJob && !unit.imageJob.isFor(desired)) {
    await unit.imageJob.stop();
    unit.imageJob = undefined;
  }
  if (unit.imageJob?.state) return unit.imageJob.state;
  const image = await view.driver.ensureImage(desired.image, { pull: false }).catch((error: unknown) => {
    // What the image lacks is found out, and told, by the attempt to add it.
    if (error instanceof DriverError) return undefined;
    throw error;
  });
  return image ? { state: 'Present', id: image.id } : { state: 'Absent' };
}

/**
 * The mark that was carried out. Without a record of it (first start, or the checkpoint was lost) a mark that is a time
 * before the container's start is taken as carried out, and so is one that is no time.
 */
function restartMarkOf(
  { checkpoint }: AgentContext,
  desired: Desired,
  instance?: Instance,
): string | undefined {
  const recorded = checkpoint.restartMark(desired.name, desired.workspaceUid);
  if (recorded !== undefined || !instance || desired.restartMark === undefined) return recorded;
  const asked = Date.parse(desired.restartMark);
  const started = Date.parse(instance.startedAt ?? '');
  const isPending = Number.isFinite(asked) && Number.isFinite(started) && asked > started;
  return isPending ? undefined : desired.restartMark;
}
