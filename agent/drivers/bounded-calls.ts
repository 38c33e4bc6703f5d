import { withTimeout } from '../../controller/kit/abort.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { DriverError } from '../driver.ts';

export interface BoundedCallsOptions {
  /** As the error names it: "the engine", "LXD". */
  engine: string;
  clock: Clock;
  readMs: number;
  changeMs: number;
}

/** An engine that takes a call and never answers is one that does not answer: `EngineUnavailable`. */
export function boundedCalls({ engine, clock, readMs, changeMs }: BoundedCallsOptions) {
  const within = <T>(ms: number, what: string, call: () => Promise<T>) =>
    withTimeout(
      call(),
      ms,
      clock,
      () =>
        new DriverError('EngineUnavailable', `${engine} took a call (${what}) and gave no answer in time`),
    );
  return {
    read: <T>(what: string, call: () => Promise<T>) => within(readMs, what, call),
    change: <T>(what: string, call: () => Promise<T>, extraMs = 0) => within(changeMs + extraMs, what, call),
  };
}

/** What is asked once and then known, until it fails or is forgotten. */
export function knownOnce<T>(ask: () => Promise<T>): { get: () => Promise<T>; forget: () => void } {
  let known: Promise<T> | undefined;
  const forget = () => {
    known = undefined;
  };
  return {
    get() {
      if (known) return known;
      const asked = ask();
      known = asked;
      asked.catch(() => {
        if (known === asked) forget();
      });
      return asked;
    },
    forget,
  };
}
