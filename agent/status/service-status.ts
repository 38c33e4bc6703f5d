import { type Milliseconds, timestamp } from '../../controller/kit/clock.ts';
import type { PlacementServiceStatus } from '../../crds/kinds.ts';
import type { PlacementStatus } from '../../crds/types.generated.ts';
import type { GuestServiceState } from '../guest/guest.ts';
import type { Desired, DesiredService } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { isPreStartSettled, isRepositorySettled, isRetried } from '../plan/plan-inside.ts';
import { isServiceReady } from '../plan/service-ready.ts';

/** A service without a health check that had ended counts as up again once it has stayed up for so long. */
const SETTLE_MS: Milliseconds = 2000;

/** In how many milliseconds services that had ended count as up again; undefined: none is waited for. */
export function settleMs(desired: Desired, observed: Observed, nowMs: number): Milliseconds | undefined {
  const waits = desired.services.flatMap(service => {
    const now = observed.guest?.services.find(({ name }) => name === service.name);
    const ms = now ? settlesIn(service, now, nowMs) : 0;
    return ms > 0 ? ms : [];
  });
  return waits.length > 0 ? Math.min(...waits) : undefined;
}

/** Of a guest whose clock is ahead: it counts at once. */
function settlesIn({ check }: DesiredService, now: GuestServiceState, nowMs: number): Milliseconds {
  if (check || now.state !== 'Running' || !hadEnded(now)) return 0;
  const ageMs = nowMs - now.since * 1000;
  return ageMs < 0 ? 0 : Math.max(0, SETTLE_MS - ageMs);
}

/** Of its own, since the workspace was started. */
export function hadEnded({ restarts, exitCode }: { restarts?: number; exitCode?: number }): boolean {
  return exitCode !== undefined && restarts !== 0;
}

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
    const isSettling = now !== undefined && settlesIn(service, now, nowMs) > 0;
    const seen = stateOf(service, desired, observed, now);
    const state = seen === 'Running' && isSettling ? 'Starting' : seen;
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
      since: same && old.since ? old.since : timestamp(nowMs - (observed.clockAheadMs ?? 0)),
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
  if (state === 'Backoff' || (state === 'Starting' && now && hadEnded(now)))
    return `ended${now?.exitCode === undefined ? '' : ` with exit code ${now.exitCode}`} and is started again; see its log`;
  const health = observed.health[service.name];
  return state === 'Running' && health?.health === 'Unhealthy' ? health.message : undefined;
}
