import type { Clock } from '../../controller/kit/clock.ts';
import type { GuestServiceState } from '../guest/guest.ts';
import type { DesiredService, ResolvedCheck } from '../model/desired.ts';
import type { ServiceHealth } from '../model/observed.ts';
import { checked, type HealthState, nextCheckMs, restartAt, restarted, started } from './health-state.ts';
import type { Probe } from './probe.ts';

/** Keeps the checks of one placement's services going. */
export interface HealthMonitor {
  /** What is to be checked now: services whose process runs. Others lose their health. */
  sync(instanceId: string | undefined, services: DesiredService[], running: GuestServiceState[]): void;
  /** A service is restarted for its health. */
  restarted(service: string): void;
  /** By service. */
  read(): Record<string, ServiceHealth>;
  stop(): void;
}

export interface HealthMonitorOptions {
  probe: Probe;
  clock: Clock;
  /** Health, or whether a restart is due, has changed. */
  onChange: () => void;
  /** Services that the last status calls healthy: an agent that was restarted goes on from there. */
  healthyBefore?: ReadonlySet<string>;
}

interface Watched {
  instanceId: string;
  /** Another one is another process, or another definition of it. */
  process: string;
  digest: string;
  check: ResolvedCheck;
  checkKey: string;
  state: HealthState;
  live: boolean;
  stop: () => void;
}

export function createHealthMonitor(options: HealthMonitorOptions): HealthMonitor {
  const { probe, clock, onChange } = options;
  const watched = new Map<string, Watched>();
  const seed = new Set(options.healthyBefore);

  const watch = (name: string, fresh: Omit<Watched, 'stop' | 'live'>) => {
    let cancel = () => {};
    const entry: Watched = {
      ...fresh,
      live: true,
      stop() {
        entry.live = false;
        cancel();
      },
    };
    watched.set(name, entry);
    const round = async () => {
      const result = await probe(entry.instanceId, entry.check);
      if (!entry.live) return;
      const before = entry.state;
      entry.state = checked(before, result, entry.check, clock.now());
      const due = restartAt(entry.state);
      if (before.health !== entry.state.health || (due !== undefined && clock.now() >= due)) onChange();
      schedule();
    };
    const schedule = () => {
      cancel = clock.after(nextCheckMs(entry.state, entry.check), () => void round());
    };
    // The very first check of a process is at once: it may be one that has run for long.
    cancel = clock.after(0, () => void round());
  };

  return {
    sync(instanceId, services, running) {
      const wanted = new Set<string>();
      for (const { name, check } of services) {
        const process = running.find(item => item.name === name && item.state === 'Running');
        if (!check || !process || !instanceId) continue;
        wanted.add(name);
        const identity = `${instanceId}/${process.pid ?? process.since}`;
        const checkKey = JSON.stringify(check);
        const old = watched.get(name);
        const same = old?.process === identity && old.checkKey === checkKey && old.digest === process.digest;
        if (same && old.live) continue;
        old?.stop();
        const now = clock.now();
        const sameService = old?.digest === process.digest ? old.state : undefined;
        const state = started(now, sameService);
        if (seed.delete(name) && !old) {
          state.health = 'Healthy';
          state.wasHealthy = true;
        }
        const { digest } = process;
        watch(name, { instanceId, process: identity, digest, check, checkKey, state });
      }
      seed.clear();
      for (const [name, entry] of watched)
        if (!wanted.has(name)) {
          entry.stop();
          if (!services.some(service => service.name === name)) watched.delete(name);
          // What is between two processes keeps its history, so that backoff goes on.
          else if (entry.state.health !== 'Unknown') entry.state = started(clock.now(), entry.state);
        }
    },
    restarted(service) {
      const entry = watched.get(service);
      if (entry) entry.state = restarted(entry.state, clock.now());
    },
    read() {
      const all: Record<string, ServiceHealth> = {};
      for (const [name, { state }] of watched) {
        const due = restartAt(state);
        all[name] = {
          health: state.health,
          ...(state.health !== 'Healthy' && state.message && { message: state.message }),
          restartDue: due !== undefined && clock.now() >= due,
          changedAt: state.changedAt,
        };
      }
      return all;
    },
    stop() {
      for (const entry of watched.values()) entry.stop();
      watched.clear();
    },
  };
}
