import { uptime } from 'node:os';

export type Milliseconds = number;

/** Time, so that tests can own it. Nothing else in the project calls Date.now or setTimeout. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): Milliseconds;
  /**
   * Milliseconds since the machine was started, asleep or not. Never set and never steps: for lengths of time that a
   * promise to another machine depends on.
   */
  uptime(): Milliseconds;
  /** Runs `fn` once after `ms`. The timer never keeps the process alive. The returned function cancels it. */
  after(ms: Milliseconds, fn: () => void): () => void;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => uptime() * 1000,
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** RFC 3339 in UTC to the second, as Kubernetes writes times. */
export function timestamp(ms: Milliseconds): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastTimestamp = `${new Date(ms).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastTimestamp;
}

/** Of the last call: requests of one second ask for it many times. */
let lastSecond = Number.NaN;
let lastTimestamp = '';

/** RFC 3339 in UTC to the microsecond, as in a Lease. */
export function microTimestamp(ms: Milliseconds): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
