import { exponentialMs } from '../../controller/kit/backoff.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import type { ResolvedCheck } from '../model/desired.ts';

/** What the checks of one service have come to. Pure: time comes in with every step. */
export interface HealthState {
  health: 'Healthy' | 'Unhealthy' | 'Unknown';
  message?: string;
  changedAt: Milliseconds;
  /** When the process was started that is checked. */
  startedAt: Milliseconds;
  /** Failed checks in a row. */
  failures: number;
  /** Checks since the start: the first ones come at short notice. */
  checks: number;
  /** This definition was healthy once, so that a restart may help. */
  wasHealthy: boolean;
  /** Restarts asked for in a row, each farther from the last. */
  restarts: number;
  lastRestartAt?: Milliseconds;
}

export interface CheckResult {
  ok: boolean;
  message: string;
}

const RESTART_BACKOFF = { baseMs: 10_000, maxMs: 300_000 };
/** Healthy for so long: the restarts before are forgotten. */
const SETTLED_MS = 600_000;
const FIRST_CHECK_MS = 100;

/** A process that was just started. */
export function started(
  now: Milliseconds,
  before?: Pick<HealthState, 'wasHealthy' | 'restarts' | 'lastRestartAt'>,
): HealthState {
  return {
    health: 'Unknown',
    changedAt: now,
    startedAt: now,
    failures: 0,
    checks: 0,
    wasHealthy: before?.wasHealthy ?? false,
    restarts: before?.restarts ?? 0,
    ...(before?.lastRestartAt !== undefined && { lastRestartAt: before.lastRestartAt }),
  };
}

/**
 * After a check. A service that starts is given `failureThreshold` intervals on top of its initial delay, however
 * often it is asked meanwhile; one that was healthy, that many failures in a row.
 */
export function checked(
  state: HealthState,
  result: CheckResult,
  check: ResolvedCheck,
  now: Milliseconds,
): HealthState {
  const checks = state.checks + 1;
  if (result.ok) {
    const settled = state.health === 'Healthy' && now - state.changedAt >= SETTLED_MS;
    const changedAt = state.health === 'Healthy' ? state.changedAt : now;
    const { message: _, ...rest } = state;
    return {
      ...rest,
      health: 'Healthy',
      changedAt,
      failures: 0,
      checks,
      wasHealthy: true,
      restarts: settled ? 0 : state.restarts,
    };
  }
  const failures = state.failures + 1;
  const grace = check.initialDelayMs + check.failureThreshold * check.intervalMs;
  const over =
    state.health === 'Unknown' ? now - state.startedAt >= grace : failures >= check.failureThreshold;
  if (state.health === 'Unhealthy' || over)
    return {
      ...state,
      health: 'Unhealthy',
      message: result.message,
      changedAt: state.health === 'Unhealthy' ? state.changedAt : now,
      failures,
      checks,
    };
  return { ...state, message: result.message, failures, checks };
}

/** When it should be restarted for its health; undefined: not at all. */
export function restartAt(state: HealthState): Milliseconds | undefined {
  if (state.health !== 'Unhealthy' || !state.wasHealthy) return undefined;
  if (state.lastRestartAt === undefined || state.restarts === 0) return state.changedAt;
  return Math.max(state.changedAt, state.lastRestartAt + exponentialMs(state.restarts - 1, RESTART_BACKOFF));
}

/** A restart was asked for: the process starts anew, and the next restart waits longer. */
export function restarted(state: HealthState, now: Milliseconds): HealthState {
  return started(now, { wasHealthy: state.wasHealthy, restarts: state.restarts + 1, lastRestartAt: now });
}

/** Until the next check: short at first, so that dependents need not wait a whole interval. */
export function nextCheckMs(state: HealthState, check: ResolvedCheck): Milliseconds {
  if (state.health !== 'Unknown') return check.intervalMs;
  return Math.min(
    check.intervalMs,
    exponentialMs(state.checks, { baseMs: FIRST_CHECK_MS, maxMs: check.intervalMs, factor: 1.5 }),
  );
}
