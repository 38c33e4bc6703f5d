import { timestamp } from '../../controller/kit/clock.ts';
import type { PlacementServiceStatus } from '../../crds/kinds.ts';
import type { PlacementStatus } from '../../crds/types.generated.ts';
import type { GuestServiceState } from '../guest/guest.ts';
import type { Desired, DesiredService } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { isPreStartSettled, isRepositorySettled, isRetried } from '../plan/plan-inside.ts';
import { isServiceReady } from '../plan/service-ready.ts';

/** The services as observed. `since` moves with state and health alone. */
export function serviceStatuses(
  desired: Desired,
  observed: Observed,
  previous: PlacementStatus | undefined,
  nowMs: number,
): PlacementServiceStatus[] {
  return desired.services.map(service => {
    const now = observed.guest?.services.find(({ name }) => name === service.name);
    const old = previous?.services?.find(({ name }) => name === service.name);
    const state = stateOf(service, desired, observed, now);
    const health = healthOf(service, observed, now);
    const message = messageOf(service, { desired, observed, state, now });
    const same = old?.state === state && old.health === health;
    return {
      name: service.name,
      state,
      ...(health && { health }),
      restarts: now?.restarts ?? 0,
      ...(now?.exitCode !== undefined && { exitCode: now.exitCode }),
      ...(message && { message }),
      since: same && old.since ? old.since : timestamp(nowMs),
    };
  });
}

type State = PlacementServiceStatus['state'];

function stateOf(
  service: DesiredService,
  desired: Desired,
  observed: Observed,
  now: GuestServiceState | undefined,
): State {
  if (!desired.running || desired.deleting) return now?.state === 'Running' ? 'Running' : 'Stopped';
  if (!observed.guest?.configured || observed.instance?.state !== 'Running') return 'Pending';
  if (now?.wanted === 'Up') return now.state === 'Stopped' ? 'Starting' : now.state;
  return waitsFor(service, desired, observed) ? 'Waiting' : 'Pending';
}

function healthOf(service: DesiredService, observed: Observed, now: GuestServiceState | undefined) {
  if (!service.check) return undefined;
  if (now?.state !== 'Running') return 'Unknown' as const;
  return observed.health[service.name]?.health ?? ('Unknown' as const);
}

/** What holds back a service that is down; undefined: nothing. */
export function waitsFor(service: DesiredService, desired: Desired, observed: Observed): string | undefined {
  const { guest } = observed;
  if (!guest) return undefined;
  const { withheld } = desired.inside ?? {};
  if (withheld?.services.includes(service.name)) return `waits: ${withheld.message}`;
  if (!isRepositorySettled(desired, guest)) return 'waits for the repository';
  if (!isPreStartSettled(desired, guest))
    return guest.jobs.preStart?.state === 'Failed' || isRetried('preStart', desired, observed)
      ? 'is held back: preStart failed'
      : 'waits for preStart';
  const others = service.dependsOn.filter(name => !isServiceReady(name, desired, observed));
  return others.length > 0 ? `waits for ${others.join(', ')}` : undefined;
}

interface About {
  desired: Desired;
  observed: Observed;
  state: State;
  now: GuestServiceState | undefined;
}

function messageOf(service: DesiredService, { desired, observed, state, now }: About): string | undefined {
  const failure =
    observed.failures[`serviceUp/${service.name}`] ?? observed.failures[`serviceRestart/${service.name}`];
  if (failure) return failure.message;
  if (state === 'Waiting') return waitsFor(service, desired, observed);
  if (state === 'Backoff')
    return `ended${now?.exitCode === undefined ? '' : ` with exit code ${now.exitCode}`} and is started again; see its log`;
  const health = observed.health[service.name];
  return state === 'Running' && health?.health === 'Unhealthy' ? health.message : undefined;
}
