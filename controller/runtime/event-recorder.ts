import { EVENT } from '../../crds/kinds.ts';
import type { Event } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import { slept } from '../kit/abort.ts';
import { fullJitterMs } from '../kit/backoff.ts';
import { BoundedMap } from '../kit/bounded-map.ts';
import { type Clock, type Milliseconds, timestamp } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { TokenBucket } from '../kit/token-bucket.ts';
import {
  clip,
  eventName,
  newEvent,
  objectKey,
  referTo,
  type Said,
  sameKey,
  similarKey,
} from './event-key.ts';
import type { EventRecorder } from './reconciler.ts';

export interface EventRecorderOptions {
  client: Client;
  /** Who says it: the Event's source. */
  component: string;
  clock: Clock;
  log: Logger;
  random?: () => number;
  metrics?: Metrics;
  /** Most events that wait to be written; more are dropped and counted. Defaults to 1000. */
  capacity?: number;
  /** Events of one object that may come at once, and how fast more are allowed. Defaults to 50, then one in 15 s. */
  burst?: number;
  refillMs?: Milliseconds;
  /** Different messages of one reason within 10 minutes after which they are told as one. Defaults to 10. */
  similarLimit?: number;
  /** Ends retries; what waits is dropped, or left to `outbox`. */
  signal?: AbortSignal;
  /** Where what waits for a server that is away outlives this process. */
  outbox?: EventOutbox;
}

/** What is waiting to be written, folded over repetitions. `first` and `last` in RFC 3339. */
export interface WaitingEvent {
  said: Said;
  times: number;
  first: string;
  last: string;
}

export interface EventOutbox {
  /** What an earlier process was not rid of. */
  readonly left: readonly WaitingEvent[];
  /** Everything that waits now; empty once the server has it. */
  keep(waiting: WaitingEvent[]): void;
}

/** An Event that was written: enough to count on. */
interface Written {
  name: string;
  count: number;
  first: string;
}

const REMEMBERED = 4096;
const SIMILAR_WINDOW_MS = 600_000;
const COMBINED = '(combined from similar events): ';
/** Of what a server that answers refuses. */
const ATTEMPTS = 8;
const RETRY = { baseMs: 500, maxMs: 10_000 };
/** What is older than Events are kept is not waited for any longer. */
const MAX_AGE_MS = 3_600_000;
/** A server that takes longer to answer is taken to be away. */
const SLOW_MS = 1_000;

/**
 * Writes core/v1 Events in the background, one after the other. The same thing said again raises the count of its
 * Event; many different messages for one reason become one Event; an object that never stops is held back. A server that
 * is away is waited for; what it refuses again and again is dropped: Events are a convenience, never state.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, component, log } = options;
  const random = options.random ?? Math.random;
  const capacity = options.capacity ?? 1000;
  const signal = options.signal ?? new AbortController().signal;
  const similarLimit = options.similarLimit ?? 10;
  const pending = new Map<string, WaitingEvent>();
  let writing: WaitingEvent | undefined;
  let isAway = false;
  let isKept = (options.outbox?.left.length ?? 0) > 0;
  const written = new BoundedMap<string, Written>(REMEMBERED);
  const similar = new BoundedMap<string, { messages: Set<string>; at: Milliseconds }>(REMEMBERED);
  const buckets = new BoundedMap<string, TokenBucket>(REMEMBERED);
  const total = options.metrics?.counter('nexus_events_total', 'Events by what became of them.', [
    'component',
    'result',
  ]);
  let worker: Promise<void> | undefined;

  const count = (result: string) => total?.inc({ component, result });

  /** The same, or what stands for many alike. */
  function combine(said: Said): Said {
    const key = similarKey(said);
    const now = clock.now();
    let seen = similar.get(key);
    if (!seen || now - seen.at > SIMILAR_WINDOW_MS) seen = { messages: new Set(), at: now };
    seen.at = now;
    if (seen.messages.size < similarLimit) seen.messages.add(said.message);
    similar.set(key, seen);
    if (seen.messages.has(said.message)) return said;
    return { ...said, message: clip(COMBINED + said.message) };
  }

  /** Combined events are one, although their message changes. */
  function identity(said: Said): string {
    return sameKey(said.message.startsWith(COMBINED) ? { ...said, message: COMBINED } : said);
  }

  function admitted(said: Said): boolean {
    const key = objectKey(said);
    const bucket =
      buckets.get(key) ??
      new TokenBucket({ burst: options.burst ?? 50, refillMs: options.refillMs ?? 15_000, clock });
    buckets.set(key, bucket);
    return bucket.take();
  }

  async function bump(
    name: string,
    namespace: string,
    said: Said,
    counted: Written,
    last: string,
  ): Promise<Event> {
    const body = { count: counted.count, message: said.message, lastTimestamp: last };
    return client.patch(EVENT, { name, namespace }, 'merge', body, { signal });
  }

  async function write(key: string, item: WaitingEvent, attempt: number): Promise<void> {
    const { said, times, first, last } = item;
    const namespace = said.object.namespace ?? 'default';
    const before = written.get(key);
    if (before) {
      const next = { ...before, count: before.count + times };
      try {
        await bump(before.name, namespace, said, next, last);
        written.set(key, next);
        return;
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
        // It was removed meanwhile: begin a new one.
        written.delete(key);
      }
    }
    const name = eventName(
      said.message.startsWith(COMBINED) ? { ...said, message: COMBINED } : said,
      component,
    );
    const made: Written = { name, count: times, first };
    try {
      await client.create(EVENT, newEvent(said, component, { ...made, last }), { signal });
      written.set(key, made);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      const present = await client.get(EVENT, { name, namespace }, signal);
      // What this wrote itself, and was not answered.
      if (
        attempt > 0 &&
        present.count === times &&
        present.firstTimestamp === first &&
        present.lastTimestamp === last
      )
        return void written.set(key, made);
      // Said by an earlier life of this component: go on counting.
      const next = { name, count: (present.count ?? 1) + times, first: present.firstTimestamp ?? first };
      await bump(name, namespace, said, next, last);
      written.set(key, next);
    }
  }

  function keep(): void {
    const waiting = [...(writing ? [writing] : []), ...pending.values()];
    if (waiting.length === 0 && !isKept) return;
    isKept = waiting.length > 0;
    options.outbox?.keep(waiting);
  }

  function wentAway(): void {
    isAway = true;
    keep();
  }

  /** Whether it may go better the next time. */
  function isWorthRetrying(error: unknown, attempt: number, { last }: WaitingEvent): boolean {
    if (!isApiError(error) || !error.retryable || signal.aborted) return false;
    if (!isApiError(error, 'Unreachable')) return attempt + 1 < ATTEMPTS;
    return clock.now() - Date.parse(last) < MAX_AGE_MS;
  }

  async function writeWithRetries(key: string, item: WaitingEvent): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const cancel = clock.after(SLOW_MS, wentAway);
      try {
        await write(key, item, attempt).finally(cancel);
        isAway = false;
        return void count('written');
      } catch (error) {
        if (isApiError(error, 'Unreachable') && !signal.aborted) wentAway();
        const again = isWorthRetrying(error, attempt, item);
        if (!again || !(await slept(clock, fullJitterMs(attempt, RETRY, random), signal))) {
          count('failed');
          return log.debug({ err: error, reason: item.said.reason }, 'an event was not written');
        }
      }
    }
  }

  async function drain(): Promise<void> {
    for (;;) {
      const next = pending.entries().next().value;
      if (!next) break;
      pending.delete(next[0]);
      if (signal.aborted) count('dropped');
      else {
        writing = next[1];
        await writeWithRetries(...next);
        writing = undefined;
        if (isKept && !signal.aborted) keep();
      }
    }
    worker = undefined;
  }

  /** Never in the caller's stack: recording must not fail or wait. */
  function work(): void {
    worker ??= Promise.resolve().then(drain);
  }

  signal.addEventListener('abort', keep, { once: true });
  for (const item of options.outbox?.left ?? []) pending.set(identity(item.said), { ...item });
  if (pending.size > 0) work();

  return {
    event(object, type, reason, message) {
      const said = combine({ object: referTo(object), type, reason, message: clip(message) });
      if (!admitted(said)) return void count('limited');
      const key = identity(said);
      const now = timestamp(clock.now());
      const waiting = pending.get(key);
      if (!waiting && pending.size >= capacity) return void count('dropped');
      pending.set(key, { said, times: (waiting?.times ?? 0) + 1, first: waiting?.first ?? now, last: now });
      work();
      if (isAway) keep();
    },
    async flush() {
      while (worker) await worker;
    },
  };
}
