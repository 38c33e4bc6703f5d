import { slept, withTimeout } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { DriverError } from '../driver.ts';
import type { Guest, GuestState } from '../guest/guest.ts';

/** The inside of one running instance, followed over one long-lived process until it is stopped. */
export interface GuestWatch {
  readonly instanceId: string;
  /** As last told; asked for when nothing was told yet or something was done since. Throws DriverError. */
  read(signal?: AbortSignal): Promise<GuestState>;
  /** Something was done in the instance: the next read asks. */
  invalidate(): void;
  /** The instance ended, as far as is known: who waits for an answer is told so (NotRunning) and may look again. */
  interrupt(): void;
  stop(): Promise<void>;
}

export interface GuestWatchOptions {
  guest: Guest;
  instanceId: string;
  clock: Clock;
  log: Logger;
  random: () => number;
  onChange: () => void;
}

const ASK_TIMEOUT_MS = 15_000;
const FIRST_MS = 2_000;

export function createGuestWatch(options: GuestWatchOptions): GuestWatch {
  const { guest, instanceId, clock, log, onChange } = options;
  const stopping = new AbortController();
  let latest: GuestState | undefined;
  /** What was told, or answered, last in the order of looking. */
  let newest: GuestState | undefined;
  /** Only what a watch would correct may be kept. */
  let live = false;
  let asking = new AbortController();
  /** Of a watch that is being begun: resolves with the first that it tells, or its end. */
  let beginning: PromiseWithResolvers<void> | undefined;

  const follow = async () => {
    const backoff = new Backoff({ baseMs: 500, maxMs: 15_000 }, options.random);
    while (!stopping.signal.aborted) {
      beginning = Promise.withResolvers();
      try {
        for await (const state of guest.watch(instanceId, stopping.signal)) {
          backoff.reset();
          live = true;
          // Who looked before the last answer was given has told too late, and what that answer was may be over.
          const isNews = !isLate(state, newest);
          if (isNews) newest = state;
          latest = isNews ? state : undefined;
          beginning?.resolve();
          beginning = undefined;
          onChange();
        }
        log.debug({ instance: instanceId }, 'the inside told that it ends');
      } catch (error) {
        if (!stopping.signal.aborted)
          log.debug({ err: error, instance: instanceId }, 'the inside went silent');
      }
      latest = undefined;
      live = false;
      beginning?.resolve();
      beginning = undefined;
      if (!(await slept(clock, backoff.next() + 100, stopping.signal))) break;
    }
  };
  const following = follow();

  return {
    instanceId,
    async read(signal) {
      if (latest) return latest;
      // What a watch tells first is as good as an answer, and costs no process of its own.
      const { signal: ended } = asking;
      if (beginning)
        await withTimeout(beginning.promise, FIRST_MS, clock, () => new Error('silent')).catch(() => {});
      if (latest) return latest;
      ended.throwIfAborted();
      const timeout = new AbortController();
      const cancel = clock.after(ASK_TIMEOUT_MS, () =>
        timeout.abort(new Error(`the inside did not answer within ${ASK_TIMEOUT_MS / 1000} s`)),
      );
      try {
        const signals = [timeout.signal, stopping.signal, ended, ...(signal ? [signal] : [])];
        const state = await guest.state(instanceId, AbortSignal.any(signals));
        if (newest && isLate(state, newest)) return newest;
        newest = state;
        if (live) latest = state.at === undefined ? (latest ?? state) : state;
        return state;
      } finally {
        cancel();
      }
    },
    invalidate() {
      latest = undefined;
    },
    interrupt() {
      asking.abort(new DriverError('NotRunning', 'the instance ended'));
      asking = new AbortController();
      beginning?.resolve();
    },
    async stop() {
      stopping.abort();
      await following;
    },
  };
}

/** Looks that are further apart than this, in hundredths of a second, are not late: the clock they are told by was changed. */
const MOST_LATE = 6_000;

function isLate(state: GuestState, newest: GuestState | undefined): boolean {
  if (state.at === undefined || newest?.at === undefined || state.bootId !== newest.bootId) return false;
  return state.at < newest.at && newest.at - state.at < MOST_LATE;
}
