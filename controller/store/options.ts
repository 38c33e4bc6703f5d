import { type Clock, type Milliseconds, systemClock } from '../kit/clock.ts';
import { type Logger, silentLogger } from '../kit/log.ts';

export interface StoreOptions {
  /** Defaults to the system's. */
  clock?: Clock;
  /** Defaults to none. */
  log?: Logger;
  /** Most events that are kept for watches and lists at older revisions. Defaults to 10,000. */
  historyEvents?: number;
  /** Most bytes of JSON (UTF-16 code units) that are kept for the same. Defaults to 64 Mi. */
  historyBytes?: number;
  /** How long an event is kept. Defaults to 10 minutes. */
  historyAgeMs?: Milliseconds;
  /** Events that may wait for a watcher before it is cut off. Defaults to 10,000. */
  watchBuffer?: number;
  /** Writes that may wait to be committed before further ones are refused with Unavailable. Defaults to 10,000. */
  maxWaitingWrites?: number;
  /** Superseded revisions that may gather in the database before it is compacted. Defaults to 1,000. */
  compactEvery?: number;
}

export type ResolvedOptions = Readonly<Required<StoreOptions>>;

export function resolveOptions(options: StoreOptions): ResolvedOptions {
  const resolved = {
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLogger,
    historyEvents: options.historyEvents ?? 10_000,
    historyBytes: options.historyBytes ?? 64 * 1024 * 1024,
    historyAgeMs: options.historyAgeMs ?? 10 * 60_000,
    watchBuffer: options.watchBuffer ?? 10_000,
    maxWaitingWrites: options.maxWaitingWrites ?? 10_000,
    compactEvery: options.compactEvery ?? 1_000,
  };
  for (const name of [
    'historyEvents',
    'historyBytes',
    'historyAgeMs',
    'watchBuffer',
    'maxWaitingWrites',
    'compactEvery',
  ] as const) {
    if (!(resolved[name] >= 1))
      throw new RangeError(`store option ${name} must be at least 1, not ${resolved[name]}`);
  }
  return Object.freeze(resolved);
}
