import type { Milliseconds } from '../kit/clock.ts';
import type { StoreEvent } from './store.ts';

export interface HistoryLimits {
  readonly historyEvents: number;
  readonly historyBytes: number;
  readonly historyAgeMs: Milliseconds;
}

/**
 * The latest events, one a revision without a gap, bounded by count, size and age. `start` is the revision before the
 * oldest of them: what can be asked for is anything from there on.
 */
export class History {
  readonly #limits: HistoryLimits;
  #events: StoreEvent[] = [];
  /** Where the oldest event is in #events; what is before it is dropped now and then. */
  #head = 0;
  #bytes = 0;
  #start: number;
  /** When each group of events arrived: the last revision of it. */
  #marks: { revision: number; at: Milliseconds }[] = [];

  constructor(start: number, limits: HistoryLimits) {
    this.#start = start;
    this.#limits = limits;
  }

  get start(): number {
    return this.#start;
  }

  /** Revision of the newest event, `start` when there is none. */
  get end(): number {
    return this.#start + this.#events.length - this.#head;
  }

  /** Adds a group in revision order, forgetting the oldest when it is too much. A group after a gap forgets all before it. */
  push(events: readonly StoreEvent[], now: Milliseconds): void {
    const first = events[0] as StoreEvent;
    if (first.revision !== this.end + 1) this.#reset(first.revision - 1);
    for (const event of events) {
      this.#events.push(event);
      this.#bytes += event.entry.json.length;
    }
    this.#marks.push({ revision: this.end, at: now });
    while (this.end - this.#start > this.#limits.historyEvents || this.#bytes > this.#limits.historyBytes) {
      this.#shift();
    }
    this.#tidy();
  }

  /** Forgets events up to and including `revision`. */
  trim(revision: number): void {
    const to = Math.min(revision, this.end);
    while (this.#start < to) this.#shift();
    this.#tidy();
  }

  /** Forgets what is older than the limit. */
  expire(now: Milliseconds): void {
    let last = -1;
    for (const mark of this.#marks) {
      if (mark.at > now - this.#limits.historyAgeMs) break;
      last = mark.revision;
    }
    if (last >= 0) this.trim(last);
  }

  /** Events after `revision`, oldest first. `revision` must not be before `start`. */
  *since(revision: number): Generator<StoreEvent, void, undefined> {
    for (let i = this.#head + revision - this.#start; i < this.#events.length; i++)
      yield this.#events[i] as StoreEvent;
  }

  #shift(): void {
    this.#bytes -= (this.#events[this.#head] as StoreEvent).entry.json.length;
    // The hole lets go of the event before the array is cut.
    (this.#events as (StoreEvent | undefined)[])[this.#head] = undefined;
    this.#head++;
    this.#start++;
  }

  #tidy(): void {
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    let stale = 0;
    while (stale < this.#marks.length && (this.#marks[stale]?.revision as number) <= this.#start) stale++;
    if (stale > 0) this.#marks.splice(0, stale);
  }

  #reset(start: number): void {
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#marks = [];
    this.#start = start;
  }
}
