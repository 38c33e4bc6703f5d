import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { type Store, StoreError, type StoreEvent, type Watch } from '../store/store.ts';

export interface StoreFeedParts {
  readonly store: Store;
  /** Of the keys that are followed. */
  readonly prefix: string;
  /** Called at the start and whenever events may have been missed, before those that follow `revision`. */
  readonly sync: () => void | Promise<void>;
  /** Called with what has changed since, a batch at a time. What it throws starts the feed over. */
  readonly take: (events: readonly StoreEvent[]) => void | Promise<void>;
  /** What is followed, for the log: `roles`. */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS: Milliseconds = 1000;

/** Follows a part of the store until it is stopped, and starts over where it breaks off. */
export class StoreFeed {
  readonly #parts: StoreFeedParts;
  readonly #stopped = new AbortController();
  #watch: Watch | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: StoreFeedParts) {
    this.#parts = parts;
  }

  /** A `sync` that waits for nothing is done when it returns. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#watch?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store, prefix, sync, take, what, clock, log } = this.#parts;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        // Before the sync: what changes during it comes as an event.
        this.#watch = store.watch(prefix, store.revision);
        await sync();
        for await (const events of this.#watch) await take(events);
        return;
      } catch (error) {
        if (signal.aborted || (error instanceof StoreError && error.code === 'Closed')) return;
        log.warn({ err: error }, `the watch of ${what} broke off and is started again`);
        this.#watch?.close();
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }
}
