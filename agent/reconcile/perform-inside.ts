import { digest } from '../../controller/kit/hash.ts';
import type { Backend } from '../agent-context.ts';
import type { Action } from '../plan/actions.ts';
import { tryOf } from '../plan/try-token.ts';
import { type Acting, fenceMs, idOf, startConfig } from './acting.ts';
import { type Notice, normal, warning } from './notice.ts';

export type InsideAction = Extract<
  Action,
  { type: 'clone' | 'runHook' | 'serviceUp' | 'serviceRestart' | 'serviceRemove' | 'fence' | 'configure' }
>;

/** What is done by way of the guest; the instance runs. */
export async function performInside(
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
