import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Client, WatchQuery } from '../client/client.ts';
import { slept } from '../kit/abort.ts';
import { Backoff } from '../kit/backoff.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { ApiError, isApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { formatKey } from '../kit/paths.ts';
import { Cache } from './cache.ts';
import { informerMetrics } from './informer-metrics.ts';
import type { Informer } from './reconciler.ts';
import {
  endsInitialEvents,
  keepsPosition,
  listAll,
  type ReflectOptions,
  type Snapshot,
  watchAlive,
} from './reflect.ts';

export interface InformerOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock: Clock;
  log: Logger;
  random?: () => number;
  metrics?: Metrics;
  /** How often handlers are called for every object although nothing changed. Absent: never. */
  resyncMs?: Milliseconds;
  /** Objects per page of a list. Defaults to 500. */
  pageSize?: number;
  /** A watch without an event or bookmark for this long is made anew. Defaults to 150 s: servers send a bookmark a minute. */
  silenceMs?: Milliseconds;
  /** Delays between attempts: full jitter. Defaults to 0.5 s doubled up to 15 s. */
  backoff?: { baseMs: Milliseconds; maxMs: Milliseconds };
  /** What is kept of an object. Defaults to everything but metadata.managedFields. */
  transform?: (object: T) => T;
  /** Whether to try to receive the list as a stream (WatchList). Defaults to true; falls back where the server has it not. */
  streamList?: boolean;
}

/** A watch is asked to end after 5 to 10 minutes, so that load spreads again over a restarted set of servers. */
const WATCH_SECONDS = { least: 300, spread: 300 };
/** A watch that stood this long was a success, whatever ended it. */
const STABLE_MS = 30_000;
const MAX_STREAM_FAILURES = 2;
/** A server that knows nothing of streamed lists may never end one: it is given up after this silence. */
const STREAM_SILENCE_MS = 10_000;
/** A watch that the server ends sooner than this without a word counts as a failure: no hot loop. */
const SHORT_WATCH_MS = 1000;

function dropManagedFields<T extends KubeObject>(object: T): T {
  if (!object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * A cache kept true by list and watch, whatever the server does: it may be away, cut the watch, forget its history or
 * go silent. After a gap the cache is compared with a new list, so deletes that nobody told of are seen.
 */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const { clock, resource } = options;
  const random = options.random ?? Math.random;
  const log = options.log.child({ informer: resource.plural, namespace: options.namespace });
  const keep = options.transform ?? dropManagedFields<T>;
  const cache = new Cache<T>();
  const handlers = new Set<(change: { old?: T; now?: T }) => void>();
  const metrics = options.metrics && informerMetrics(options.metrics, resource.plural);
  const backoff = new Backoff(options.backoff ?? { baseMs: 500, maxMs: 15_000 }, random);
  const reflect: ReflectOptions<T> = {
    ...options,
    pageSize: options.pageSize ?? 500,
    silenceMs: options.silenceMs ?? 150_000,
  };
  const { promise: synced, resolve: setSynced } = Promise.withResolvers<void>();
  /** How often in a row the streamed list failed; the plain one is used after MAX_STREAM_FAILURES. */
  let streamFailures = options.streamList === false ? Number.POSITIVE_INFINITY : 0;
  let watchingSince: Milliseconds | undefined;
  /** Where to go on watching; undefined: a list is needed. */
  let position: string | undefined;
  let running = false;

  function notify(change: { old?: T; now?: T }): void {
    for (const handler of handlers) {
      try {
        handler(change);
      } catch (error) {
        log.error({ err: error }, 'a handler of changes failed');
      }
    }
  }

  function put(object: T): void {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const old = cache.get(name, namespace);
    if (old && old.metadata.uid === uid && old.metadata.resourceVersion === resourceVersion) return;
    // Deleted and made again in a gap: two objects, so two changes.
    if (old && old.metadata.uid !== uid) remove(formatKey(object.metadata));
    const now = keep(object);
    notify({ old: cache.set(now), now });
  }

  function remove(key: string, last?: T): void {
    const old = cache.delete(key);
    if (old) notify({ old: last ? keep(last) : old });
  }

  function replace({ items, resourceVersion }: Snapshot<T>): void {
    const listed = new Set(items.map(item => formatKey(item.metadata)));
    for (const key of cache.keys()) if (!listed.has(key)) remove(key);
    for (const item of items) put(item);
    position = resourceVersion;
    if (Number.isFinite(streamFailures)) streamFailures = 0;
    metrics?.listed(cache.size);
    log.debug({ objects: items.length, resourceVersion }, 'listed');
    setSynced();
  }

  function timeoutSeconds(): number {
    return WATCH_SECONDS.least + Math.floor(random() * WATCH_SECONDS.spread);
  }

  /** Applies what a watch tells, until it ends. */
  async function follow(events: AsyncIterable<Parameters<typeof endsInitialEvents>[0]>): Promise<boolean> {
    let heard = false;
    for await (const event of events) {
      heard = true;
      backoff.reset();
      const object = event.object as T;
      if (event.type === 'DELETED') remove(formatKey(object.metadata), object);
      else if (event.type !== 'BOOKMARK') put(object);
      position = object.metadata.resourceVersion ?? position;
      metrics?.event(event.type, cache.size);
    }
    return heard;
  }

  /** The list as initial events of a watch, which then goes on. */
  async function listByWatch(signal: AbortSignal): Promise<void> {
    const items = new Map<string, T>();
    const silence = { ms: Math.min(STREAM_SILENCE_MS, reflect.silenceMs) };
    const query: WatchQuery = {
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      timeoutSeconds: timeoutSeconds(),
    };
    const events = watchAlive(reflect, query, signal, silence);
    try {
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { type, object } = next.value;
        if (type === 'DELETED') items.delete(formatKey(object.metadata));
        else if (type !== 'BOOKMARK') items.set(formatKey(object.metadata), object);
        if (!endsInitialEvents(next.value)) continue;
        silence.ms = reflect.silenceMs;
        replace({ items: [...items.values()], resourceVersion: object.metadata.resourceVersion ?? '' });
        await follow(events);
        return;
      }
      if (!signal.aborted) throw new ApiError('Unreachable', 'the streamed list ended too soon');
    } finally {
      await events.return(undefined);
    }
  }

  async function list(signal: AbortSignal): Promise<void> {
    if (streamFailures >= MAX_STREAM_FAILURES) return replace(await listAll(reflect, signal));
    try {
      return await listByWatch(signal);
    } catch (error) {
      if (position !== undefined || signal.aborted) throw error;
      streamFailures++;
      if (!isApiError(error, 'Invalid', 'BadRequest', 'MethodNotAllowed')) throw error;
      log.debug({ err: error }, 'the server does not stream lists');
      streamFailures = Number.POSITIVE_INFINITY;
    }
    return list(signal);
  }

  /** A list where one is needed, then one watch to its end. */
  async function pass(signal: AbortSignal): Promise<void> {
    const started = clock.now();
    watchingSince = undefined;
    if (position === undefined) await list(signal);
    watchingSince = clock.now();
    metrics?.watching();
    const query = { resourceVersion: position, timeoutSeconds: timeoutSeconds() };
    const heard = await follow(watchAlive(reflect, query, signal, { ms: reflect.silenceMs }));
    if (!heard && clock.now() - started < SHORT_WATCH_MS && !signal.aborted)
      await slept(clock, backoff.next(), signal);
  }

  async function recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (watchingSince !== undefined && clock.now() - watchingSince > STABLE_MS) backoff.reset();
    const expired = isApiError(error, 'Expired', 'Gone');
    if (!keepsPosition(error)) position = undefined;
    metrics?.failed(isApiError(error) ? error.reason : 'Error');
    const asked = isApiError(error) ? (error.details?.retryAfterSeconds ?? 0) * 1000 : 0;
    const attempt = backoff.attempt;
    const delayMs = Math.max(asked, backoff.next());
    const fields = { err: error, attempt, delayMs };
    if (expired) log.debug(fields, 'the server forgot the history: listing again');
    else if (attempt === 0) log.debug(fields, 'the watch broke off');
    // Powers of two only: an hour without a server is a dozen lines.
    else log[Number.isInteger(Math.log2(attempt)) ? 'warn' : 'debug'](fields, 'cannot list or watch');
    await slept(clock, delayMs, signal);
  }

  function resync(): () => void {
    if (!options.resyncMs) return () => {};
    const every = options.resyncMs;
    let cancel = () => {};
    const arm = () => {
      cancel = clock.after(every, () => {
        for (const object of cache.list()) notify({ old: object, now: object });
        arm();
      });
    };
    arm();
    return () => cancel();
  }

  return {
    synced,
    get: (name, namespace) => cache.get(name, namespace),
    list: query => cache.list(query),
    byIndex: (index, value) => cache.byIndex(index, value),
    addIndex: (name, fn) => cache.addIndex(name, fn),
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    async run(signal) {
      if (running) throw new Error(`the informer of ${resource.plural} runs already`);
      running = true;
      const stopResync = resync();
      try {
        while (!signal.aborted) {
          try {
            await pass(signal);
          } catch (error) {
            if (!signal.aborted) await recover(error, signal);
          }
        }
      } finally {
        stopResync();
        running = false;
      }
    },
  };
}
