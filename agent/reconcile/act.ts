import { isApiError } from '../../controller/kit/errors.ts';
import type { Backend } from '../agent-context.ts';
import { DriverError } from '../driver.ts';
import { type Action, laneOf } from '../plan/actions.ts';
import type { Acting } from './acting.ts';
import { failureOf } from './image-jobs.ts';
import { type Notice, normal, warning } from './notice.ts';
import { performInside } from './perform-inside.ts';
import { performOnEngine } from './perform-on-engine.ts';
import { release } from './release.ts';

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
      const failure = isApiError(error) ? { code: 'Api' as const, message: error.message } : failureOf(error);
      unit.attempts.record(action, failure);
      const isRefused = action.type === 'create' || action.type === 'start';
      // A port that is taken is exchanged for another one.
      if (isRefused && failure.code !== 'PortInUse')
        context.events.event(
          placement,
          'Warning',
          'ContainerFailed',
          `the engine refused the container: ${failure.message}`,
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

function conflictOf({ unit, desired }: Acting, { forwarder }: Backend, name: string): Notice | undefined {
  const now = forwarder.list(desired.name)[name];
  const isNews = !unit.status?.portConflicts?.includes(now?.hostPort ?? 0);
  return now?.reason === 'Conflict' && isNews ? warning('PortConflict', now.message ?? '') : undefined;
}
