import { exponentialMs } from '../kit/backoff.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import { DelayHeap } from './delay-heap.ts';
import { queueMetrics } from './queue-metrics.ts';

export interface WorkQueueOptions {
  clock: Clock;
  /** First delay of addRateLimited; doubles with each. Defaults to 5 ms. */
  baseMs?: Milliseconds;
  /** Longest delay of addRateLimited. Defaults to 60 s. */
  maxMs?: Milliseconds;
  /** Spreads those delays evenly over the upper half of their bound. Absent: exactly the bound, as client-go does. */
  random?: () => number;
  /** Both needed for metrics. */
  metrics?: Metrics;
  name?: string;
}

/**
 * Keys to look at, by client-go's rules: a key is in the queue at most once however often it is added; a key that is
 * being processed is never handed out a second time, but comes back after `done` when it was added meanwhile; keys are
 * handed out in the order in which they were added.
 */
export interface WorkQueue {
  /** Keys ready to be handed out. */
  readonly length: number;
  readonly shuttingDown: boolean;
  add(key: string): void;
  /** Adds after a delay. Of several waits for a key the earliest counts. 0 or less: now. */
  addAfter(key: string, ms: Milliseconds): void;
  /** Adds after the key's own backoff, which grows with each call until `forget`. */
  addRateLimited(key: string): void;
  /** The key went well: its backoff starts anew. Does not take it out of the queue. */
  forget(key: string): void;
  /** How often the key was rate-limited since it was last forgotten. */
  numRequeues(key: string): number;
  /** The next key, when there is one; undefined when the queue is shut down and empty. Every key got must be `done`. */
  get(): Promise<string | undefined>;
  done(key: string): void;
  /** Takes no more keys and forgets those that wait for their time; what is ready is still handed out. */
  shutDown(): void;
  /** Shuts down; resolves when every key that was handed out is done and nothing is ready. */
  shutDownWithDrain(): Promise<void>;
}

/** setTimeout's longest delay is 2^31-1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock } = options;
  const limits = { baseMs: options.baseMs ?? 5, maxMs: options.maxMs ?? 60_000 };
  const metrics = options.metrics && queueMetrics(options.metrics, options.name ?? 'queue', clock);
  /** In order; the set makes a key that is there already cheap to find. */
  const ready = new Set<string>();
  /** Added while being processed: back into `ready` when done. */
  const again = new Set<string>();
  const processing = new Set<string>();
  const delayed = new DelayHeap();
  const failures = new Map<string, number>();
  const getters: ((key: string | undefined) => void)[] = [];
  const drains: (() => void)[] = [];
  let shuttingDown = false;
  let timer: { at: number; cancel: () => void } | undefined;

  function hand(): string | undefined {
    const key = ready.values().next().value;
    if (key === undefined) return undefined;
    ready.delete(key);
    processing.add(key);
    metrics?.handed(key, ready.size);
    return key;
  }

  function settle(): void {
    while (getters.length > 0 && ready.size > 0) getters.shift()?.(hand());
    if (!shuttingDown || ready.size > 0) return;
    for (const give of getters.splice(0)) give(undefined);
    if (processing.size === 0) {
      metrics?.close();
      for (const drained of drains.splice(0)) drained();
    }
  }

  function enqueue(key: string): void {
    ready.add(key);
    metrics?.ready(ready.size);
    settle();
  }

  function add(key: string): void {
    if (shuttingDown || ready.has(key) || again.has(key)) return;
    metrics?.added(key);
    if (processing.has(key)) again.add(key);
    else enqueue(key);
  }

  function arm(): void {
    const at = delayed.nextAt();
    if (timer && timer.at === at) return;
    timer?.cancel();
    timer = undefined;
    if (at === undefined) return;
    const cancel = clock.after(Math.min(MAX_TIMER_MS, Math.max(0, at - clock.now())), () => {
      timer = undefined;
      for (let key = delayed.takeDue(clock.now()); key !== undefined; key = delayed.takeDue(clock.now()))
        add(key);
      arm();
    });
    timer = { at, cancel };
  }

  function addAfter(key: string, ms: Milliseconds): void {
    if (shuttingDown) return;
    if (ms > 0) {
      delayed.add(key, clock.now() + ms);
      arm();
    } else add(key);
  }

  function shutDown(): void {
    if (shuttingDown) return;
    shuttingDown = true;
    delayed.clear();
    timer?.cancel();
    timer = undefined;
    settle();
  }

  return {
    get length() {
      return ready.size;
    },
    get shuttingDown() {
      return shuttingDown;
    },
    add,
    addAfter,
    addRateLimited(key) {
      if (shuttingDown) return;
      const attempt = failures.get(key) ?? 0;
      failures.set(key, attempt + 1);
      metrics?.retried();
      const bound = exponentialMs(attempt, limits);
      addAfter(key, options.random ? bound / 2 + (options.random() * bound) / 2 : bound);
    },
    forget: key => void failures.delete(key),
    numRequeues: key => failures.get(key) ?? 0,
    get() {
      const key = hand();
      if (key !== undefined || shuttingDown) return Promise.resolve(key);
      return new Promise(resolve => getters.push(resolve));
    },
    done(key) {
      if (!processing.delete(key)) return;
      metrics?.finished(key);
      if (again.delete(key)) enqueue(key);
      else settle();
    },
    shutDown,
    shutDownWithDrain() {
      const drained = new Promise<void>(resolve => drains.push(resolve));
      shutDown();
      settle();
      return drained;
    },
  };
}
