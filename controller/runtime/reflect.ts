import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Client, WatchEvent, WatchQuery } from '../client/client.ts';
import { childAbort } from '../kit/abort.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { ApiError, isApiError } from '../kit/errors.ts';

/** Marks the bookmark that closes the initial events of a streamed list. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export interface ReflectOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock: Clock;
  pageSize: number;
  /** A watch without an event or bookmark for this long is taken for dead. */
  silenceMs: Milliseconds;
}

export interface Snapshot<T> {
  items: T[];
  resourceVersion: string;
}

const scope = <T extends KubeObject>(o: ReflectOptions<T>) => ({
  ...(o.namespace !== undefined && { namespace: o.namespace }),
  ...(o.labelSelector !== undefined && { labelSelector: o.labelSelector }),
  ...(o.fieldSelector !== undefined && { fieldSelector: o.fieldSelector }),
});

/** Everything, in pages. A token that expired on the way starts the list again, then without pages. */
export async function listAll<T extends KubeObject>(
  options: ReflectOptions<T>,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  try {
    return await listPages(options, options.pageSize, signal);
  } catch (error) {
    if (!isApiError(error, 'Expired', 'Gone')) throw error;
    return listPages(options, undefined, signal);
  }
}

async function listPages<T extends KubeObject>(
  options: ReflectOptions<T>,
  limit: number | undefined,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  const items: T[] = [];
  let token: string | undefined;
  let resourceVersion: string | undefined;
  do {
    const page = await options.client.list(options.resource, {
      ...scope(options),
      ...(limit !== undefined && { limit }),
      ...(token && { continue: token }),
      signal,
    });
    for (const item of page.items) items.push(item);
    // All pages are of one state: the first page's version is the one to watch from.
    resourceVersion ??= page.metadata.resourceVersion;
    token = page.metadata.continue || undefined;
  } while (token);
  return { items, resourceVersion: resourceVersion ?? '' };
}

/**
 * A watch that cannot be silently dead: without an event or bookmark for `silence.ms`, which may be raised meanwhile, it is
 * ended with ApiError `Unreachable`. Ends without error when the server ends it or `signal` is aborted.
 */
export async function* watchAlive<T extends KubeObject>(
  options: ReflectOptions<T>,
  query: WatchQuery,
  signal: AbortSignal,
  silence: { readonly ms: Milliseconds },
): AsyncGenerator<WatchEvent<T>> {
  const { controller, unlink } = childAbort(signal);
  let silent = false;
  let cancel = () => {};
  const arm = (waitMs = silence.ms, waitedMs = 0) => {
    cancel();
    cancel = options.clock.after(waitMs, () => {
      const soFar = waitedMs + waitMs;
      if (silence.ms > soFar) return arm(silence.ms - soFar, soFar);
      silent = true;
      controller.abort(new Error('silent'));
    });
  };
  arm();
  try {
    const all = { ...scope(options), allowWatchBookmarks: true, ...query, signal: controller.signal };
    for await (const event of options.client.watch(options.resource, all)) {
      arm();
      yield event;
    }
    const what = `the watch of ${options.resource.plural} was silent for ${silence.ms / 1000} s`;
    if (silent) throw new ApiError('Unreachable', what);
  } finally {
    cancel();
    unlink();
  }
}

/** Whether this bookmark says that all initial events were sent. */
export function endsInitialEvents(event: WatchEvent): boolean {
  return event.type === 'BOOKMARK' && event.object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true';
}

/** Whether a watch that failed so may be taken up again where it was, without a new list. */
export function keepsPosition(error: unknown): boolean {
  return isApiError(error, 'Unreachable', 'TooManyRequests', 'ServiceUnavailable');
}
