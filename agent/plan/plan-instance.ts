import { LABEL_SPEC_HASH } from '../../crds/names.ts';
import type { Instance, Limits } from '../driver.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { matchesSpecHash } from '../model/spec-hash.ts';
import type { Action, MakeReason } from './actions.ts';
import { beforeStop } from './before-stop.ts';

/** The container itself: made, started, stopped, made anew, changed in place; as far as the fence lets it run. */
export function planInstance(desired: Desired, observed: Observed): Action[] {
  const { fence, instance } = observed;
  // At once: preStop would be given half a minute in which it may be running elsewhere.
  if (fence === 'Stop') return instance?.state === 'Running' ? [{ type: 'stop', reason: 'Fenced' }] : [];
  const actions = planUnfenced(desired, observed);
  if (fence !== 'Hold') return actions;
  const starts = actions.some(({ type }) => type === 'create' || type === 'start' || type === 'ensureImage');
  return starts ? [] : actions;
}

function planUnfenced(desired: Desired, observed: Observed): Action[] {
  const { instance } = observed;
  if (!instance) {
    if (!desired.running) return [];
    const isNew = observed.known === 'Missing';
    const made = make(desired, observed, { reason: isNew ? 'Created' : 'ContainerMissing', message: '' });
    // One that never ran gets its Secret with its first start; one that did is not kept waiting for it.
    const waits = isNew && desired.insideMissing?.isPending && made[0]?.type === 'create';
    return waits ? [] : made;
  }
  if (!desired.running) return stopIfRunning(desired, observed, 'Declared');
  const stale = whyStale(desired, instance);
  if (stale) return remake(desired, observed, stale);
  const update = changeInPlace(desired.instance, instance);
  if (instance.state !== 'Running') return [...update, ...start(desired, observed)];
  if (desired.restartMark !== undefined && desired.restartMark !== observed.restartMark) {
    const stop = stopIfRunning(desired, observed, 'Restart');
    return stop.some(action => action.type === 'stop')
      ? [...update, ...stop, ...start(desired, observed, true)]
      : [...update, ...stop];
  }
  return update;
}

/** Whether an instance must be made, so that its image must be known. */
export function needsImage(desired: Desired, instance: Instance | undefined): boolean {
  if (desired.deleting || !desired.running) return false;
  return !instance || whyStale(desired, instance) !== undefined;
}

/** What differs that cannot change in place, for people; undefined when nothing does. */
export function whyStale(desired: Desired, instance: Instance): string | undefined {
  if (!matchesSpecHash(instance.labels[LABEL_SPEC_HASH], desired.immutable))
    return 'image, user, SSH port or mounts changed';
  if (!hasItsVolume(desired, instance)) return `the volume at ${desired.instance.volume.mountPath} was gone`;
  return undefined;
}

/** Without it somebody else made the instance, and nothing in it is ours. */
export function hasItsVolume({ instance: { volume } }: Desired, { mounts }: Instance): boolean {
  return mounts[volume.mountPath] === volume.name;
}

function make(desired: Desired, { image }: Observed, why: { reason: MakeReason; message: string }): Action[] {
  if (image?.state === 'Absent') return [{ type: 'ensureImage', image: desired.image }];
  if (image?.state !== 'Present') return [];
  return [
    { type: 'create', imageId: image.id, ...why },
    { type: 'start', reason: 'Created', ...markOf(desired) },
    ...configure(desired),
  ];
}

/** The old container goes on until the image of the new one is there. */
function remake(desired: Desired, observed: Observed, message: string): Action[] {
  const made = make(desired, observed, { reason: 'ContainerRecreated', message });
  if (made[0]?.type !== 'create') return made;
  const before = beforeStop(desired, observed);
  if (!before.ready) return before.actions;
  const stop: Action[] = observed.instance?.state === 'Running' ? [{ type: 'stop', reason: 'Recreate' }] : [];
  return [...stop, { type: 'remove' }, ...made];
}

function start(desired: Desired, observed: Observed, restart = false): Action[] {
  const died = observed.known === 'Running' && !restart;
  const first = observed.instance?.state === 'Created';
  const reason = restart ? 'Restarted' : died ? 'ContainerDied' : first ? 'Created' : 'Started';
  return [{ type: 'start', reason, ...markOf(desired) }, ...configure(desired)];
}

function stopIfRunning(desired: Desired, observed: Observed, reason: 'Declared' | 'Restart'): Action[] {
  if (observed.instance?.state !== 'Running') return [];
  const before = beforeStop(desired, observed);
  return before.ready ? [{ type: 'stop', reason }] : before.actions;
}

const markOf = ({ restartMark }: Desired) => (restartMark === undefined ? {} : { restartMark });

/** A fresh start has an empty memory file system: what was there is not asked. */
const configure = (desired: Desired): Action[] =>
  desired.inside ? [{ type: 'configure', reason: 'Start', keysChanged: false }] : [];

function changeInPlace({ limits, autoStart }: Desired['instance'], instance: Instance): Action[] {
  const actions: Action[] = sameLimits(instance.limits, limits) ? [] : [{ type: 'update', limits }];
  if (instance.autoStart !== undefined && instance.autoStart !== autoStart)
    actions.push({ type: 'setAutoStart', autoStart });
  return actions;
}

const sameLimits = (a: Limits, b: Limits) =>
  a.cpuMillis === b.cpuMillis && a.memoryBytes === b.memoryBytes && a.pids === b.pids;
