import { untilAborted, withTimeout } from '../kit/abort.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import type { LeaderElector } from './leader-election.ts';

/** Something that runs until it is told to stop. */
export interface Part {
  readonly name: string;
  /** Resolves when stopped. Rejecting, or ending before it was told to, brings the whole down. */
  run(signal: AbortSignal): Promise<void>;
  /** Parts added later start only when this has resolved. */
  readonly ready?: Promise<void>;
}

export interface ManagerOptions {
  clock: Clock;
  log: Logger;
  /** Each group must have stopped this long after it was told to. Defaults to 10 s. */
  stopTimeoutMs?: Milliseconds;
  /** Parts of `addLeading` run only while this process leads. */
  leaderElection?: LeaderElector;
}

/** Starts parts in the order in which they were added and stops them in the reverse order. */
export interface Manager {
  /** Parts given in one call start and stop together. */
  add(...parts: Part[]): void;
  /** As add, but only while leading; without leader election the same as add. They start last. */
  addLeading(...parts: Part[]): void;
  /**
   * Runs everything; resolves when `signal` was aborted and all parts have stopped. Rejects, after stopping the others,
   * with the error of a part that died, or when leadership was lost.
   */
  run(signal: AbortSignal): Promise<void>;
}

interface Running {
  parts: Part[];
  controller: AbortController;
  ended: Promise<unknown>;
}

export function createManager(options: ManagerOptions): Manager {
  const { clock, log } = options;
  const groups: Part[][] = [];
  const leading: Part[][] = [];
  const stopTimeoutMs = options.stopTimeoutMs ?? 10_000;

  /** Runs groups in order until `signal` is aborted or a part dies, then stops them in reverse. */
  async function runGroups(all: Part[][], signal: AbortSignal): Promise<void> {
    const running: Running[] = [];
    const failures: unknown[] = [];
    const { promise: died, resolve: die } = Promise.withResolvers<void>();

    function start(parts: Part[]): void {
      const controller = new AbortController();
      const watched = parts.map(async part => {
        try {
          log.debug({ part: part.name }, 'starting');
          await part.run(controller.signal);
          if (!controller.signal.aborted) throw new Error(`${part.name} ended although nobody stopped it`);
          log.debug({ part: part.name }, 'stopped');
        } catch (error) {
          log.error({ part: part.name, err: error }, 'a part died');
          failures.push(error);
          die();
        }
      });
      running.push({ parts, controller, ended: Promise.all(watched) });
    }

    async function stop({ parts, controller, ended }: Running): Promise<void> {
      controller.abort();
      const names = parts.map(part => part.name).join(', ');
      const late = () => new Error(`${names}: did not stop within ${stopTimeoutMs / 1000} s`);
      await withTimeout(ended, stopTimeoutMs, clock, late).catch(error => {
        log.error({ err: error }, 'giving up on a part');
        failures.push(error);
      });
    }

    const stopping = Promise.race([died, untilAborted(new Promise<void>(() => {}), signal).catch(() => {})]);
    let go = true;
    void stopping.then(() => {
      go = false;
    });
    for (const parts of all) {
      if (!go || signal.aborted) break;
      start(parts);
      // Never-ready is a part's own trouble to report; stopping must not wait for it.
      const ready = Promise.all(parts.map(part => part.ready)).catch(error => {
        failures.push(error);
        die();
      });
      await Promise.race([ready, stopping]);
    }
    await stopping;
    for (const group of running.reverse()) await stop(group);
    if (failures.length > 0) throw failures[0];
  }

  return {
    add: (...parts) => void groups.push(parts),
    addLeading: (...parts) => void leading.push(parts),
    run(signal) {
      const elector = options.leaderElection;
      if (!elector || leading.length === 0) return runGroups([...groups, ...leading], signal);
      const leader: Part = {
        name: 'leader election',
        run: stop => elector.run(stop, led => runGroups(leading, led)),
      };
      return runGroups([...groups, [leader]], signal);
    },
  };
}
