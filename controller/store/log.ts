import type { StoreEvent } from './store.ts';

/** Where revisions are kept. Calls never overlap: the writer makes them one after the other. */
export interface Log {
  /** History up to here is gone from the log as well. */
  readonly swept: number;
  /**
   * Resolves when all of `events` are durable; when it rejects (StoreError Unavailable) none of them is.
   * `compactTo`, given when the events come after a gap, is the revision before them: history before it is not to be served.
   */
  append(events: readonly StoreEvent[], compactTo?: number): Promise<void>;
  /** Removes some of what is superseded at `target`; to be called until `swept` is there. */
  sweep(target: number): Promise<void>;
  close(): Promise<void>;
}

/** Keeps nothing. */
export function createMemoryLog(): Log {
  let swept = 0;
  return {
    get swept() {
      return swept;
    },
    append: async () => {},
    sweep: async target => {
      swept = target;
    },
    close: async () => {},
  };
}
