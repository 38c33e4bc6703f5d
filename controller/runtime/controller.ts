import type { KubeObject } from '../../crds/object.ts';
import type { ObjectKey } from '../client/client.ts';
import { childAbort, untilAborted } from '../kit/abort.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { formatKey, keyOf, parseKey } from '../kit/paths.ts';
import { controllerMetrics } from './controller-metrics.ts';
import type { Informer, Outcome, Reconciler } from './reconciler.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

type Change<T> = { old?: T; now?: T };

/** What makes a controller look at something. Made by `watch`. */
export interface ControllerWatch {
  readonly synced: Promise<void>;
  /** Calls `enqueue` for every object that is there, then for every change. Returns an unsubscribe. */
  subscribe(enqueue: (key: ObjectKey) => void): () => void;
}

/**
 * Changes of an informer's objects as keys to reconcile: those of `map` for the old and the new state. Defaults to the
 * object's own key. `when` leaves out changes that do not matter.
 */
export function watch<T extends KubeObject>(
  informer: Informer<T>,
  map: (object: T) => ObjectKey[] = object => [keyOf(object)],
  when: (change: Change<T>) => boolean = () => true,
): ControllerWatch {
  // A worker that waits takes a key at once: the same key twice would be two passes.
  const unique = (objects: (T | undefined)[]) =>
    new Map(objects.flatMap(o => (o ? map(o) : [])).map(key => [formatKey(key), key])).values();
  return {
    synced: informer.synced,
    subscribe(enqueue) {
      for (const key of unique(informer.list())) enqueue(key);
      return informer.onChange(change => {
        if (when(change)) for (const key of unique([change.old, change.now])) enqueue(key);
      });
    },
  };
}

export interface ControllerOptions {
  reconciler: Reconciler;
  /** For logs and metrics. Defaults to the reconciler's. */
  name?: string;
  watches: ControllerWatch[];
  /** Passes side by side, over different keys. Defaults to 4. */
  workers?: number;
  clock: Clock;
  log: Logger;
  metrics?: Metrics;
  random?: () => number;
  /** Backoff of keys that failed. Defaults to 5 ms doubled up to 60 s. */
  backoff?: { baseMs: Milliseconds; maxMs: Milliseconds };
  /** The pass's signal is aborted after this long. Defaults to 5 minutes. */
  passTimeoutMs?: Milliseconds;
}

export interface Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Asks for a pass over a key, for what no informer can tell. */
  enqueue(key: ObjectKey): void;
  /** Waits for the caches, then works until `signal` is aborted; resolves when the last pass has ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Runs a reconciler over the keys that its watches tell, by the rules of Outcome. */
export function createController(options: ControllerOptions): Controller {
  const { reconciler, clock, random, metrics } = options;
  const name = options.name ?? reconciler.name;
  const log = options.log.child({ controller: name });
  const queue = createWorkQueue({ clock, random, metrics, name, ...options.backoff });
  const measure = metrics && controllerMetrics(metrics, name, options.workers ?? 4);
  const passTimeoutMs = options.passTimeoutMs ?? 300_000;

  /** Acts on what a pass came to; returns its name for the metric. */
  function settle(text: string, outcome: Outcome, passLog: Logger): string {
    queue.forget(text);
    if (outcome.kind === 'requeueAfter') queue.addAfter(text, outcome.ms);
    else if (outcome.kind === 'terminal') passLog.warn({ reason: outcome.reason }, outcome.message);
    else if (outcome.kind === 'waiting') passLog.debug({ reason: outcome.reason }, 'waiting');
    else if (outcome.kind !== 'done') throw new TypeError(`reconciler ${name} returned no outcome`);
    return outcome.kind;
  }

  function failed(text: string, error: unknown, passLog: Logger): string {
    const conflict = isApiError(error, 'Conflict');
    const fields = { err: error, failures: queue.numRequeues(text) + 1 };
    // Somebody else wrote first: reading again is the normal answer.
    if (conflict) passLog.debug(fields, 'conflict');
    else passLog.error(fields, 'the pass failed');
    queue.addRateLimited(text);
    return conflict ? 'conflict' : 'error';
  }

  async function pass(text: string, signal: AbortSignal): Promise<void> {
    const key = parseKey(text);
    const passLog = log.child(
      key.namespace ? { namespace: key.namespace, object: key.name } : { object: key.name },
    );
    const { controller, unlink } = childAbort(signal);
    const cancel = clock.after(passTimeoutMs, () =>
      controller.abort(new Error(`the pass took longer than ${passTimeoutMs / 1000} s`)),
    );
    const stop = measure?.begin();
    let result = 'error';
    try {
      result = settle(
        text,
        await reconciler.reconcile(key, { signal: controller.signal, log: passLog }),
        passLog,
      );
    } catch (error) {
      if (signal.aborted) result = 'stopped';
      else result = failed(text, error, passLog);
    } finally {
      cancel();
      unlink();
      stop?.(result);
      queue.done(text);
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    for (let text = await queue.get(); text !== undefined; text = await queue.get()) {
      if (signal.aborted) queue.done(text);
      else await pass(text, signal);
    }
  }

  const enqueue = (key: ObjectKey) => queue.add(formatKey(key));

  return {
    name,
    queue,
    enqueue,
    async run(signal) {
      const stop = () => queue.shutDown();
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      const unsubscribe: (() => void)[] = [];
      try {
        await untilAborted(Promise.all(options.watches.map(w => w.synced)), signal);
        for (const source of options.watches) unsubscribe.push(source.subscribe(enqueue));
        log.debug({ keys: queue.length }, 'caches are there: starting');
        await Promise.all(Array.from({ length: options.workers ?? 4 }, () => work(signal)));
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        for (const off of unsubscribe) off();
        stop();
      }
    },
  };
}
