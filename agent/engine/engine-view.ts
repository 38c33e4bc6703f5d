import { childAbort, slept } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { Logger } from '../../controller/kit/log.ts';
import type { Driver, EngineEvent, Instance, Volume } from '../driver.ts';

export interface EngineSnapshot {
  instances: Instance[];
  volumes: Volume[];
}

/** One driver's engine as last listed. Passes share lists: however many look at once, one list runs and one waits. */
export interface EngineView {
  readonly driver: Driver;
  /** What is there. Lists only when something has happened since the last list. Throws DriverError. */
  read(): Promise<EngineSnapshot>;
  /** Something happened, or may have: the next read lists. */
  invalidate(): void;
  /** Follows the engine's events until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface EngineViewOptions {
  driver: Driver;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Something happened to a placement's instance; undefined: look at everything. */
  onEvent: (placement: string | undefined, type: EngineEvent['type'] | 'lost' | 'back') => void;
}

export function createEngineView(options: EngineViewOptions): EngineView {
  const { driver, clock, log, onEvent } = options;
  let version = 0;
  /** The version that `snapshot` has seen; -1: none. */
  let seen = -1;
  /** Without events nothing tells that a snapshot is old. */
  let watching = false;
  let snapshot: EngineSnapshot = { instances: [], volumes: [] };
  let listing: { version: number; result: Promise<EngineSnapshot> } | undefined;

  const list = async (at: number): Promise<EngineSnapshot> => {
    const found = await driver.list();
    snapshot = found;
    seen = at;
    return found;
  };

  const read = async (): Promise<EngineSnapshot> => {
    if (watching && seen === version) return snapshot;
    if (listing && listing.version < version) {
      await listing.result.catch(() => {});
      return read();
    }
    if (!listing) {
      const at = version;
      const result = list(at).finally(() => {
        listing = undefined;
      });
      listing = { version: at, result };
    }
    return listing.result;
  };

  const invalidate = () => {
    version++;
  };

  return {
    driver,
    read,
    invalidate,
    async run(signal) {
      // To ask costs little, and nothing is healed before the engine is heard again.
      const backoff = new Backoff({ baseMs: 250, maxMs: 2_000 }, options.random);
      let lost = false;
      while (!signal.aborted) {
        // An engine that sends events and fails all else must not be followed once more with each attempt.
        const { controller, unlink } = childAbort(signal);
        try {
          const events = driver.watch(controller.signal)[Symbol.asyncIterator]();
          // A generator starts listening with its first `next`; only then may a list be kept.
          let next = events.next();
          next.catch(() => {});
          await driver.info(signal);
          watching = true;
          invalidate();
          if (lost) log.info({ driver: driver.name }, 'the engine answers again');
          onEvent(undefined, lost ? 'back' : 'changed');
          lost = false;
          for (let item = await next; !item.done; item = await next) {
            backoff.reset();
            invalidate();
            onEvent(item.value.placement, item.value.type);
            next = events.next();
          }
        } catch (error) {
          if (signal.aborted) break;
          if (!lost) log.warn({ err: error, driver: driver.name }, 'the engine does not answer');
        } finally {
          controller.abort();
          unlink();
        }
        watching = false;
        invalidate();
        if (signal.aborted) break;
        lost = true;
        onEvent(undefined, 'lost');
        await slept(clock, backoff.next() + 50, signal);
      }
      watching = false;
    },
  };
}
