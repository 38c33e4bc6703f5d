import type { Milliseconds } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { digest } from '../../controller/kit/hash.ts';
import type { Placement } from '../../crds/types.generated.ts';
import type { AgentContext, Backend } from '../agent-context.ts';
import { DriverError } from '../driver.ts';
import type { GuestConfig } from '../guest/guest.ts';
import type { Desired, Inside } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { type Action, laneOf } from '../plan/actions.ts';
import { ensureImage } from '../plan/plan-instance.ts';
import { tryOf } from '../plan/try-token.ts';
import { failureOf, ImageJob } from './image-jobs.ts';
import { type Notice, normal, warning } from './notice.ts';
import { release } from './release.ts';
import type { Unit } from './unit.ts';

export interface Acting {
  context: AgentContext;
  unit: Unit;
  placement: Placement;
  desired: Desired;
  observed: Observed;
  /** Of the instance; changes when one is made. */
  instanceId?: string;
  /** What `configure` writes went in with the start. */
  isHandedOver?: boolean;
}

const STOP_TIMEOUT_SECONDS = 10;

/**
 * Carries out a plan: lanes side by side, each in order until something in it fails. Failures are kept for backoff and
 * status, not thrown; only an abort ends it early.
 */
export async function act(acting: Acting, actions: Action[], signal: AbortSignal): Promise<void> {
  const lanes = Map.groupBy(actions, laneOf);
  await Promise.all([...lanes.values()].map(lane => runLane(acting, lane, signal)));
  signal.throwIfAborted();
}

async function runLane(acting: Acting, lane: Action[], signal: AbortSignal): Promise<void> {
  const { context, unit, placement } = acting;
  for (const action of lane) {
    if (signal.aborted) return;
    try {
      const notice = await perform(acting, action);
      unit.attempts.record(action);
      context.metrics.action(action.type, 'done');
      context.log.debug({ placement: unit.name, action }, 'done');
      if (notice) context.events.event(placement, notice.type, notice.reason, notice.message);
    } catch (error) {
      unit.attempts.record(
        action,
        isApiError(error) ? { code: 'Api', message: error.message } : failureOf(error),
      );
      context.metrics.action(action.type, 'failed');
      const fields = { placement: unit.name, action: action.type, err: error };
      if (error instanceof DriverError || isApiError(error)) context.log.warn(fields, 'an action failed');
      else context.log.error(fields, 'an action failed');
      return;
    }
  }
}

/** Does one thing; every one of them may be repeated. Returns what there is to tell. */
async function perform(acting: Acting, action: Action): Promise<Notice | undefined> {
  const { context, desired } = acting;
  const backend = context.backends.get(desired.driver);
  if (action.type === 'release') {
    await release(context, acting.unit, desired);
    return undefined;
  }
  if (action.type === 'removeStray') {
    const other = context.backends.get(action.driver);
    other?.view.invalidate();
    await other?.view.driver.remove(action.id);
    other?.view.invalidate();
    return normal('ContainerRecreated', 'a container of an earlier spec was removed');
  }
  if (!backend) return undefined;
  switch (action.type) {
    case 'openForward':
      await backend.forwarder.open(desired.name, action.forward);
      return conflictOf(acting, backend, action.forward.name);
    case 'closeForward':
      await backend.forwarder.close(desired.name, action.name);
      return undefined;
    case 'clone':
    case 'runHook':
    case 'serviceUp':
    case 'serviceRestart':
    case 'serviceRemove':
    case 'fence':
    case 'configure':
      try {
        return await performInside(acting, backend, action);
      } finally {
        acting.unit.guest?.invalidate();
      }
    default:
      backend.view.invalidate();
      try {
        return await performOnEngine(acting, backend, action);
      } finally {
        backend.view.invalidate();
      }
  }
}

type InsideAction = Extract<
  Action,
  { type: 'clone' | 'runHook' | 'serviceUp' | 'serviceRestart' | 'serviceRemove' | 'fence' | 'configure' }
>;

async function performInside(
  acting: Acting,
  { guest }: Backend,
  action: InsideAction,
): Promise<Notice | undefined> {
  const { context, unit, desired } = acting;
  const id = idOf(acting);
  const { inside } = desired;
  switch (action.type) {
    case 'configure': {
      if (!inside) return undefined;
      if (action.reason !== 'Start' || !acting.isHandedOver) {
        const config = action.reason === 'Start' ? startConfig(inside) : inside.config;
        await guest.configure(id, config, fenceMs(acting));
      }
      if (action.reason === 'Start') unit.startedNowAt = context.clock.now();
      unit.tunnel?.tunnel.kick();
      const keys = digest(inside.config.keys.map(({ path, content }) => [path, String(content)]));
      const isDrift = unit.appliedKeys === keys || (unit.appliedKeys === undefined && unit.settledBefore);
      unit.appliedKeys = keys;
      return action.keysChanged && isDrift
        ? warning('KeysRestored', 'the authorised keys had been changed in the container and were put back')
        : undefined;
    }
    case 'fence':
      await guest.fence(id, action.fenced ? context.fence.leftMs : undefined);
      return undefined;
    case 'clone':
      if (!desired.repo) return undefined;
      await guest.clone(id, {
        url: desired.repo.url,
        ...(desired.repo.ref !== undefined && { ref: desired.repo.ref }),
        ...(desired.repo.upstream !== undefined && { upstream: desired.repo.upstream }),
        ...(desired.repo.author && { author: desired.repo.author }),
        token: action.token,
      });
      return undefined;
    case 'runHook': {
      const hook = desired.hooks[action.hook];
      if (!hook) return undefined;
      if (action.hook === 'preStop') unit.preStopSince = context.clock.now();
      await guest.runHook(id, action.hook, hook.command, action.token);
      if (action.hook === 'preStop') context.clock.after(31_000, () => context.wake(desired.name));
      return normal(
        'HookRunning',
        tryOf(action.token, hook.token) > 1 ? `${action.hook} runs again` : `${action.hook} runs`,
      );
    }
    case 'serviceUp': {
      const service = inside?.config.services[action.service];
      if (!service) return undefined;
      await guest.serviceUp(id, action.service, service);
      return action.change === 'Start'
        ? normal('ServiceStarted', `service ${action.service} was started`)
        : normal('ServiceRestarted', `service ${action.service} was restarted with its new definition`);
    }
    case 'serviceRestart':
      unit.ownRestarts.set(action.service, (unit.ownRestarts.get(action.service) ?? 0) + 1);
      unit.health?.restarted(action.service);
      await guest.serviceRestart(id, action.service);
      return warning('ServiceRestarted', `service ${action.service} was restarted: ${action.message}`);
    case 'serviceRemove':
      await guest.serviceRemove(id, action.service);
      return normal('ServiceStopped', `service ${action.service} was stopped: it is not declared any more`);
  }
}

type EngineAction = Extract<
  Action,
  {
    type: 'ensureImage' | 'create' | 'start' | 'update' | 'setAutoStart' | 'stop' | 'remove' | 'removeVolume';
  }
>;

async function performOnEngine(
  acting: Acting,
  { view, guest }: Backend,
  action: EngineAction,
): Promise<Notice | undefined> {
  const { context, unit, desired } = acting;
  const { driver } = view;
  switch (action.type) {
    case 'ensureImage':
      fetchImage(acting, driver);
      return normal('PullingImage', `getting the image ${action.image}`);
    case 'create': {
      // Files of their own cost as much as the rest: what will be handed over with the start need not be there before.
      const takesAll = desired.inside && guest.handover && (await driver.takesInput?.());
      const { id } = await driver.create({
        ...desired.instance,
        imageId: action.imageId,
        files: takesAll ? [] : desired.bootFiles,
      });
      acting.instanceId = id;
      unit.known = 'Created';
      if (action.reason === 'ContainerMissing')
        return warning('ContainerMissing', 'the container had been removed and was made again');
      if (action.reason === 'VolumeLost')
        return warning('VolumeLost', `the container was made anew with an empty home: ${action.message}`);
      if (action.reason === 'ContainerRecreated')
        return normal('ContainerRecreated', `the container was made anew: ${action.message}`);
      return normal('Created', `the container was made from ${desired.image}`);
    }
    case 'start':
      // Before the start: a crash in between leaves a container that is started anyway, not one that is restarted again.
      if (action.restartMark !== undefined)
        await context.checkpoint.setRestartMark(desired.name, desired.workspaceUid, action.restartMark);
      acting.isHandedOver = (
        await driver.start(idOf(acting), {
          ...(desired.inside &&
            guest.handover && {
              input: guest.handover(
                startConfig(desired.inside),
                action.reason === 'Created',
                fenceMs(acting),
              ),
            }),
        })
      ).inputTaken;
      unit.known = 'Running';
      unit.start = undefined;
      unit.preStopSince = undefined;
      if (action.reason === 'ContainerDied')
        return warning('ContainerDied', 'the container had ended and was started again');
      if (action.reason === 'VolumeRemounted')
        return warning(
          'VolumeRemounted',
          'the home volume had been unmounted; the container was restarted with it',
        );
      // That one was made says it already.
      if (action.reason === 'Created') return undefined;
      return normal(
        'ContainerRunning',
        action.reason === 'Restarted' ? 'the container was restarted' : 'the container was started',
      );
    case 'update':
      await driver.update(idOf(acting), action.limits);
      return normal('ContainerAdjusted', 'the limits of the container were changed in place');
    case 'setAutoStart':
      await driver.setAutoStart(idOf(acting), action.autoStart);
      return undefined;
    case 'stop':
      await driver.stop(idOf(acting), STOP_TIMEOUT_SECONDS);
      unit.known = 'Stopped';
      unit.preStopSince = undefined;
      if (action.reason === 'Fenced')
        return warning('Fenced', 'the node reached no server for too long and stopped the container');
      return action.reason === 'Declared'
        ? normal('ContainerStopped', 'the container was stopped')
        : undefined;
    case 'remove':
      await driver.remove(idOf(acting));
      unit.known = desired.deleting ? 'Missing' : 'Removed';
      return undefined;
    case 'removeVolume':
      await driver.removeVolume(desired.instance.volume.name);
      return undefined;
  }
}

/** In the background: a pull takes its time, and no worker. */
function fetchImage({ context, unit, desired }: Acting, driver: Backend['view']['driver']): void {
  const wake = () => context.wake(desired.name);
  const action = ensureImage(desired);
  unit.imageJob = new ImageJob(driver, desired, {
    onChange: wake,
    onEnd(failure) {
      if (failure) {
        unit.attempts.fail(action, failure);
        context.log.warn(
          { placement: unit.name, image: desired.image, failure },
          'the image could not be had',
        );
      }
      wake();
    },
  });
}

function conflictOf({ unit, desired }: Acting, { forwarder }: Backend, name: string): Notice | undefined {
  const now = forwarder.list(desired.name)[name];
  const isNews = !unit.status?.portConflicts?.includes(now?.hostPort ?? 0);
  return now?.reason === 'Conflict' && isNews ? warning('PortConflict', now.message ?? '') : undefined;
}

/** What an inside is begun with that has nothing yet. */
function startConfig({ config, atStart = [] }: Inside): GuestConfig {
  return { ...config, runtime: [...config.runtime, ...atStart] };
}

/** How long a workspace that may be moved goes on by itself. */
function fenceMs({ context, desired }: Acting): Milliseconds | undefined {
  return desired.mayMove ? context.fence.leftMs : undefined;
}

function idOf({ instanceId }: Acting): string {
  if (instanceId === undefined) throw new DriverError('NotFound', 'there is no instance');
  return instanceId;
}
