import { StoreError, type StoreEvent, type Watch } from './store.ts';

/** One watch: what was committed and not yet taken, and the readers that wait for more. */
export class Watcher implements Watch {
  readonly prefix: string;
  readonly #limit: number;
  readonly #current: () => number;
  readonly #onEnd: (watcher: Watcher) => void;
  #batches: (readonly StoreEvent[])[] = [];
  /** Events among #batches that came after the start; the backlog asked for at the start does not count against the limit. */
  #live = 0;
  #backlog: number;
  #ended = false;
  #error: StoreError | undefined;
  #readers: (() => void)[] = [];

  constructor(
    prefix: string,
    backlog: readonly StoreEvent[],
    parts: { limit: number; current: () => number; onEnd: (watcher: Watcher) => void },
  ) {
    this.prefix = prefix;
    this.#limit = parts.limit;
    this.#current = parts.current;
    this.#onEnd = parts.onEnd;
    this.#backlog = backlog.length > 0 ? 1 : 0;
    if (backlog.length > 0) this.#batches.push(backlog);
  }

  get revision(): number {
    const next = this.#batches[0]?.[0];
    return next ? next.revision - 1 : this.#current();
  }

  /** A group is always taken when nothing live waits, however large: its entries are held by the state anyway. */
  push(events: readonly StoreEvent[]): void {
    if (this.#live > 0 && this.#live + events.length > this.#limit) {
      this.#error = new StoreError(
        'TooSlow',
        `the watch of ${this.prefix || 'everything'} fell ${this.#live + events.length} events behind and was cut off. List and watch again`,
      );
      this.close();
      return;
    }
    this.#live += events.length;
    this.#batches.push(events);
    this.#wake();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#batches = [];
    this.#onEnd(this);
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly StoreEvent[], undefined, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<readonly StoreEvent[], undefined>> {
    while (!this.#ended && this.#batches.length === 0) {
      await new Promise<void>(resolve => {
        this.#readers.push(resolve);
      });
    }
    if (this.#error) {
      const error = this.#error;
      this.#error = undefined;
      throw error;
    }
    const value = this.#batches.shift();
    if (value === undefined) return { done: true, value: undefined };
    if (this.#backlog > 0) this.#backlog--;
    else this.#live -= value.length;
    return { done: false, value };
  }

  #wake(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const wake of readers) wake();
  }
}
