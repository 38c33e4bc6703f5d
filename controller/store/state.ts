import type { Milliseconds } from '../kit/clock.ts';
import { History, type HistoryLimits } from './history.ts';
import { OrderedKeys } from './ordered-keys.ts';
import { type Entry, type ListOptions, type ListResult, StoreError, type StoreEvent } from './store.ts';

/** What is durable, in memory: the current entries in key order and the recent history. Everything is synchronous. */
export class State {
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new OrderedKeys();
  readonly #history: History;

  /** Starts at `revision` with `entries` as the state of that revision, and no history. */
  constructor(revision: number, entries: Iterable<Entry>, limits: HistoryLimits) {
    this.#history = new History(revision, limits);
    for (const entry of entries) this.#set(entry);
  }

  get revision(): number {
    return this.#history.end;
  }

  get compactRevision(): number {
    return this.#history.start;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  count(prefix: string): number {
    return this.#keys.count(prefix);
  }

  /** Throws StoreError Compacted, FutureRevision. */
  list(prefix: string, { revision = this.revision, after, limit }: ListOptions = {}): ListResult {
    this.checkRevision(revision);
    const changed = revision === this.revision ? [] : this.#changedSince(revision, prefix, after);
    if (changed.length > 0) return this.#listBefore(changed, prefix, { revision, after, limit });
    const { keys, total } = this.#keys.range(prefix, after, limit);
    const entries = keys.map(key => this.#entries.get(key) as Entry);
    return { revision, entries, remaining: total - entries.length };
  }

  /** Throws StoreError Compacted, FutureRevision unless the history reaches back to `revision`. */
  checkRevision(revision: number): void {
    if (revision > this.revision) {
      throw new StoreError(
        'FutureRevision',
        `revision ${revision} is ahead of the current one, ${this.revision}`,
      );
    }
    if (revision < this.compactRevision) {
      throw new StoreError(
        'Compacted',
        `revision ${revision} was compacted; the oldest that is kept is ${this.compactRevision}. List again`,
      );
    }
  }

  /** Events after `revision` whose key has the prefix, oldest first. */
  eventsSince(revision: number, prefix: string): StoreEvent[] {
    const events: StoreEvent[] = [];
    for (const event of this.#history.since(revision))
      if (event.entry.key.startsWith(prefix)) events.push(event);
    return events;
  }

  /** Takes in a committed group, in revision order and not empty. */
  apply(events: readonly StoreEvent[], now: Milliseconds): void {
    for (const { type, entry, previous } of events) {
      previous?.release();
      if (type === 'PUT') this.#set(entry);
      else if (this.#entries.delete(entry.key)) this.#keys.delete(entry.key);
    }
    this.#history.push(events, now);
  }

  trim(revision: number): void {
    this.#history.trim(revision);
  }

  expire(now: Milliseconds): void {
    this.#history.expire(now);
  }

  #set(entry: Entry): void {
    if (!this.#entries.has(entry.key)) this.#keys.add(entry.key);
    this.#entries.set(entry.key, entry);
  }

  /** Each key that was written after `revision` with its entry at `revision`, in key order. */
  #changedSince(revision: number, prefix: string, after: string | undefined): [string, Entry | undefined][] {
    const before = new Map<string, Entry | undefined>();
    for (const { entry, previous } of this.#history.since(revision)) {
      const { key } = entry;
      if (key.startsWith(prefix) && (after === undefined || key > after) && !before.has(key))
        before.set(key, previous);
    }
    return [...before].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #listBefore(
    changed: [string, Entry | undefined][],
    prefix: string,
    options: ListOptions & { revision: number },
  ): ListResult {
    const { revision, after, limit = Number.POSITIVE_INFINITY } = options;
    const before = new Map(changed);
    // At most changed.length of the current keys were not there before, so this many hold enough that were.
    const current = this.#keys.range(prefix, after, limit + changed.length);
    const gone = changed.filter(([key, entry]) => entry && !this.#entries.has(key)).map(([key]) => key);
    let total = current.total;
    for (const [key, entry] of changed) total += Number(entry !== undefined) - Number(this.#entries.has(key));
    const entries: Entry[] = [];
    for (const key of merge(current.keys, gone)) {
      if (entries.length >= limit) break;
      const entry = before.has(key) ? before.get(key) : this.#entries.get(key);
      if (entry) entries.push(entry);
    }
    return { revision, entries, remaining: total - entries.length };
  }
}

/** Both in order, without a key in common. */
function* merge(a: readonly string[], b: readonly string[]): Generator<string, void, undefined> {
  let j = 0;
  for (const key of a) {
    while (j < b.length && (b[j] as string) < key) yield b[j++] as string;
    yield key;
  }
  while (j < b.length) yield b[j++] as string;
}
