import { decide, type Write } from './decide.ts';
import type { Log } from './log.ts';
import type { ResolvedOptions } from './options.ts';
import type { State } from './state.ts';
import { type Entry, StoreError, type StoreEvent } from './store.ts';

/** Most writes in one commit: what one of them waits for stays short. */
const MAX_GROUP = 1_000;

interface WaitingWrite {
  readonly write: Write;
  resolve(entry: Entry): void;
  reject(error: unknown): void;
}

type Job = () => Promise<void>;

interface Parts {
  state: State;
  log: Log;
  options: ResolvedOptions;
  /** Makes a durable group visible. */
  publish(events: readonly StoreEvent[]): void;
}

/**
 * The one place that writes the log. While one group is being committed the next gathers; a group is decided against
 * the durable state and itself, so nothing ever depends on a write that may still fail. Compaction takes its steps in
 * between.
 */
export class Writer {
  readonly #parts: Parts;
  #queue: (WaitingWrite | Job)[] = [];
  #loop: Promise<void> | undefined;
  #closed = false;
  #sweepWaiters: { target: number; resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  submit(write: Write): Promise<Entry> {
    if (this.#closed) return Promise.reject(closedError());
    if (!write.key.isWellFormed() || write.key.includes('\0')) {
      return Promise.reject(
        new TypeError(`${JSON.stringify(write.key)} cannot be a key: it is not plain Unicode text`),
      );
    }
    if (this.#queue.length >= this.#parts.options.maxWaitingWrites) {
      const message = `${this.#queue.length} writes wait for the disk already. Try again later`;
      return Promise.reject(new StoreError('Unavailable', message));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, resolve, reject });
      this.#start();
    });
  }

  /** Runs `job` with no commit under way; it may append by itself. */
  exclusive<T>(job: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#queue.push(() => job().then(resolve, reject));
      this.#start();
    });
  }

  /** Appends outside of the groups: for a job. */
  async append(events: readonly StoreEvent[]): Promise<void> {
    const { log, publish, state } = this.#parts;
    const before = (events[0] as StoreEvent).revision - 1;
    await log.append(events, before === state.revision ? undefined : before);
    publish(events);
  }

  /** Resolves when the log holds nothing that was superseded at `target`. */
  swept(target: number): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#parts.log.swept >= target) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#sweepWaiters.push({ target, resolve, reject });
      this.#start();
    });
  }

  /** Commits what was accepted, then stops. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#loop) await this.#loop;
    for (const { reject } of this.#sweepWaiters) reject(closedError());
    this.#sweepWaiters = [];
  }

  #start(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      // What arrived after the loop had decided to end.
      if (this.#queue.length > 0 || (!this.#closed && this.#sweepWaiters.length > 0)) this.#start();
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      // Lets everything that arrives in this turn of the event loop join the group.
      await new Promise(resolve => setImmediate(resolve));
      const next = this.#queue[0];
      if (typeof next === 'function') {
        this.#queue.shift();
        await next();
      } else if (next) {
        await this.#commit(this.#takeGroup());
      }
      if (!(await this.#sweep()) && this.#queue.length === 0) return;
    }
  }

  #takeGroup(): WaitingWrite[] {
    let size = 0;
    while (size < MAX_GROUP && typeof this.#queue[size] === 'object') size++;
    return this.#queue.splice(0, size) as WaitingWrite[];
  }

  async #commit(group: readonly WaitingWrite[]): Promise<void> {
    const { state } = this.#parts;
    const overlay = new Map<string, Entry | undefined>();
    const events: StoreEvent[] = [];
    /** What each waiting write is told if the commit succeeds. */
    const outcomes: { waiting: WaitingWrite; settle: () => void }[] = [];
    for (const waiting of group) {
      const { key } = waiting.write;
      try {
        const current = overlay.has(key) ? overlay.get(key) : state.get(key);
        const event = decide(waiting.write, current, state.revision + events.length + 1);
        overlay.set(key, event.type === 'PUT' ? event.entry : undefined);
        events.push(event);
        outcomes.push({ waiting, settle: () => waiting.resolve(event.entry) });
      } catch (error) {
        // A refusal that rests on a write of this group is true only once that is durable.
        if (overlay.has(key)) outcomes.push({ waiting, settle: () => waiting.reject(error) });
        else waiting.reject(error);
      }
    }
    if (events.length === 0) return;
    try {
      await this.append(events);
      for (const { settle } of outcomes) settle();
    } catch (error) {
      for (const { waiting } of outcomes) waiting.reject(error);
    }
  }

  /** One step of compaction, if one is due. Whether there is more to do. */
  async #sweep(): Promise<boolean> {
    const { log, options, state } = this.#parts;
    const asked = Math.max(0, ...this.#sweepWaiters.map(w => w.target));
    const due = state.compactRevision - log.swept >= options.compactEvery;
    const target = due ? state.compactRevision : asked;
    if (this.#closed || target <= log.swept) return false;
    try {
      await log.sweep(target);
    } catch (error) {
      options.log.warn({ err: error }, 'compaction of the database failed and is tried again');
      for (const { reject } of this.#sweepWaiters) reject(error);
      this.#sweepWaiters = [];
      return false;
    }
    for (const { resolve } of this.#sweepWaiters.filter(w => w.target <= log.swept)) resolve();
    this.#sweepWaiters = this.#sweepWaiters.filter(w => w.target > log.swept);
    return log.swept < target;
  }
}

export function closedError(): StoreError {
  return new StoreError('Closed', 'the store is closed');
}
