import { LABEL_SPEC_HASH } from '../../crds/names.ts';
import type { Instance, Limits } from '../driver.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { matchesSpecHash } from '../model/spec-hash.ts';
import type { Action, MakeReason, StartReason } from './actions.ts';
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
    const made = make(desired, observed, whyMade(observed));
    // One that never ran gets its Secret with its first start; one that did, as its volume shows, is not kept waiting.
    const waits =
      isNew && !observed.hasVolume && desired.insideMissing?.isPending && made[0]?.type === 'create';
    return waits ? [] : made;
  }
  if (!desired.running) return stopIfRunning(desired, observed, 'Declared');
  const stale = whyStale(desired, observed);
  if (stale) return remake(desired, observed, stale);
  const update = changeInPlace(desired.instance, instance);
  if (instance.state !== 'Running') return [...update, ...start(desired, observed)];
  if (desired.restartMark !== undefined && desired.restartMark !== observed.restartMark)
    return [...update, ...restart(desired, observed)];
  if (observed.guest?.homeLost) return [...update, ...remount(desired)];
  return update;
}

/** Nothing is there. A second fault, or another agent, does not make what was there before something new. */
function whyMade({ known, hasVolume }: Observed): { reason: MakeReason; message: string } {
  if (known === 'Missing') return { reason: 'Created', message: '' };
  if (!hasVolume) return { reason: 'VolumeLost', message: 'the volume had been removed' };
  return known === 'Removed'
    ? { reason: 'ContainerRecreated', message: 'the former one was gone' }
    : { reason: 'ContainerMissing', message: '' };
}

/** Whether an instance must be made, so that its image must be known. */
export function needsImage(desired: Desired, observed: Found): boolean {
  if (desired.deleting || !desired.running) return false;
  return !observed.instance || whyStale(desired, observed) !== undefined;
}

type Found = Pick<Observed, 'instance' | 'failures'>;

/** After so many tries (some ten seconds) an engine is taken at its word that it cannot start an instance again. */
const STUCK_ATTEMPTS = 4;

/** Why there must be another instance, for people; undefined when this one will do. */
export function whyStale(desired: Desired, { instance, failures }: Found): string | undefined {
  if (!instance) return undefined;
  if (!matchesSpecHash(instance.labels[LABEL_SPEC_HASH], desired.immutable))
    return 'image, user, SSH port or mounts changed';
  if (!hasItsVolume(desired, instance)) return `the volume at ${desired.instance.volume.mountPath} was gone`;
  if (instance.state === 'Running') return undefined;
  if (hasLostItsVolume(failures))
    return `the data of the volume at ${desired.instance.volume.mountPath} was gone`;
  const { start } = failures;
  if (start?.code === 'Stuck' && (start.attempts ?? 0) >= STUCK_ATTEMPTS)
    return `the engine cannot start the former one any more (${start.message})`;
  return undefined;
}

const hasLostItsVolume = (failures: Observed['failures']) => failures.start?.code === 'VolumeLost';

/** Without it somebody else made the instance, and nothing in it is ours. */
export function hasItsVolume({ instance: { volume } }: Desired, { mounts }: Instance): boolean {
  return mounts[volume.mountPath] === volume.name;
}

export const ensureImage = ({ image, imageLogin }: Desired): Action => ({
  type: 'ensureImage',
  image,
  ...(imageLogin && { login: imageLogin.token }),
});

/** The image's login is on its way to the node. */
export const isLoginPending = ({ imageLogin }: Desired): boolean =>
  imageLogin !== undefined && imageLogin.login === undefined;

function make(desired: Desired, { image }: Observed, why: { reason: MakeReason; message: string }): Action[] {
  if (image?.state === 'Absent') return isLoginPending(desired) ? [] : [ensureImage(desired)];
  if (image?.state !== 'Present') return [];
  return [
    { type: 'create', imageId: image.id, ...why },
    { type: 'start', reason: 'Created', ...markOf(desired) },
    ...configure(desired),
  ];
}

/** The old container goes on until the image of the new one is there. */
function remake(desired: Desired, observed: Observed, message: string): Action[] {
  const isLost = observed.instance?.state !== 'Running' && hasLostItsVolume(observed.failures);
  const made = make(desired, observed, { reason: isLost ? 'VolumeLost' : 'ContainerRecreated', message });
  if (made[0]?.type !== 'create') return made;
  const before = beforeStop(desired, observed);
  if (!before.ready) return before.actions;
  const stop: Action[] = observed.instance?.state === 'Running' ? [{ type: 'stop', reason: 'Recreate' }] : [];
  return [...stop, { type: 'remove' }, ...(isLost ? [{ type: 'removeVolume' } as const] : []), ...made];
}

function start(desired: Desired, observed: Observed): Action[] {
  const first = observed.instance?.state === 'Created';
  const reason = observed.known === 'Running' ? 'ContainerDied' : first ? 'Created' : 'Started';
  return startFor(desired, reason);
}

const startFor = (desired: Desired, reason: StartReason): Action[] => [
  { type: 'start', reason, ...markOf(desired) },
  ...configure(desired),
];

function restart(desired: Desired, observed: Observed): Action[] {
  const stop = stopIfRunning(desired, observed, 'Restart');
  const isStopped = stop.some(({ type }) => type === 'stop');
  return [...stop, ...(isStopped ? startFor(desired, 'Restarted') : [])];
}

/** Mounts are made at each start, and what is beside them stays. preStop has no home to work in. */
const remount = (desired: Desired): Action[] => [
  { type: 'stop', reason: 'Remount' },
  ...startFor(desired, 'VolumeRemounted'),
];

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
