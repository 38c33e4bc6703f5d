import type { Backend } from '../agent-context.ts';
import type { Action } from '../plan/actions.ts';
import { ensureImage } from '../plan/plan-instance.ts';
import { imageFailure } from '../status/instance-conditions.ts';
import { type Acting, fenceMs, idOf, startConfig } from './acting.ts';
import { ImageJob } from './image-jobs.ts';
import { type Notice, normal, warning } from './notice.ts';

const STOP_TIMEOUT_SECONDS = 10;

export type EngineAction = Extract<
  Action,
  {
    type: 'ensureImage' | 'create' | 'start' | 'update' | 'setAutoStart' | 'stop' | 'remove' | 'removeVolume';
  }
>;

/** What is done to the instance, its image and its volume. */
export async function performOnEngine(
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
function fetchImage({ context, unit, desired, placement }: Acting, driver: Backend['view']['driver']): void {
  const wake = () => context.wake(desired.name);
  const action = ensureImage(desired);
  unit.imageJob = new ImageJob(driver, desired, {
    onChange: wake,
    onEnd(failure) {
      if (failure) {
        unit.attempts.fail(action, failure);
        const { reason, message } = imageFailure(desired, failure);
        context.events.event(placement, 'Warning', reason, message);
        context.log.warn(
          { placement: unit.name, image: desired.image, failure },
          'the image could not be had',
        );
      }
      wake();
    },
  });
}
