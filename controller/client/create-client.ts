import { apiVersionOf, type Resource } from '../../crds/kinds.ts';
import type { KubeList, KubeObject } from '../../crds/object.ts';
import { type Clock, type Milliseconds, systemClock } from '../kit/clock.ts';
import { ApiError } from '../kit/errors.ts';
import type { Metrics } from '../kit/metrics.ts';
import { collectionPath, objectPath, type QueryParams, queryString } from '../kit/paths.ts';
import { flat, readText, refusal, warnings } from './answer.ts';
import type { Client, ListQuery, ObjectKey, PatchType, WatchQuery, WriteOptions } from './client.ts';
import { observeCalls } from './observe-calls.ts';
import type { Transport, TransportResponse } from './transport.ts';
import { watchEvents } from './watch-stream.ts';

export interface ClientOptions {
  transport: Transport;
  /** Defaults to `nexus`. */
  userAgent?: string;
  /** Counts and times calls. */
  metrics?: Metrics;
  clock?: Clock;
  /** Each answer's `Date`, and when by `clock` that request was sent. */
  onDate?: (date: unknown, sentAt: Milliseconds) => void;
}

const PATCH_TYPES: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
/** A server that says it ends a watch after n seconds and does not is given up this much later. */
const WATCH_GRACE_SECONDS = 30;

interface Call {
  verb: string;
  resource: string;
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  onWarning?: (text: string) => void;
}

/**
 * The Kubernetes API over a transport.
 *
 * @example
 * const client = createClient({ transport: httpsTransport({ server, ca, token }) });
 * const shop = await client.get(WORKSPACE, { namespace: 'default', name: 'shop' });
 */
export function createClient(options: ClientOptions): Client {
  const { transport } = options;
  const observe = options.metrics && observeCalls(options.metrics);
  const clock = options.clock ?? systemClock;
  const userAgent = options.userAgent ?? 'nexus';

  async function open(call: Call, stream: boolean): Promise<TransportResponse> {
    const body = call.body === undefined ? undefined : encode(call.body);
    const sentAt = clock.now();
    const response = await transport.request({
      method: call.method,
      path: call.path,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(body !== undefined && { body }),
      stream,
      ...(call.signal && { signal: call.signal }),
    });
    options.onDate?.(response.headers.date, sentAt);
    return response;
  }

  /** Counts what `run` came to; its code is 0 when no answer came. */
  async function observed<R>(call: Call, run: () => Promise<{ code: number; result: R }>): Promise<R> {
    if (!observe) return (await run()).result;
    const started = clock.now();
    const tell = (code: number) => {
      const seconds = (clock.now() - started) / 1000;
      observe({ verb: call.verb, resource: call.resource, code, seconds });
    };
    try {
      const { code, result } = await run();
      tell(code);
      return result;
    } catch (error) {
      tell(error instanceof ApiError ? error.code : 0);
      throw error;
    }
  }

  function text(call: Call): Promise<{ status: number; headers: Record<string, string>; text: string }> {
    return observed(call, async () => {
      const response = await open(call, false);
      const body = await readText(response);
      if (call.onWarning) for (const warning of warnings(response)) call.onWarning(warning);
      if (response.status < 200 || response.status > 299) throw refusal(call, response, body);
      return {
        code: response.status,
        result: { status: response.status, headers: flat(response), text: body },
      };
    });
  }

  async function json<R>(call: Call): Promise<R> {
    const { text: body } = await text(call);
    try {
      return JSON.parse(body) as R;
    } catch (cause) {
      throw new ApiError('InternalError', `${call.method} ${call.path}: the answer is not JSON`, undefined, {
        cause,
      });
    }
  }

  const client: Client = {
    get: (resource, key, signal) =>
      json({ ...about('get', resource), method: 'GET', path: objectPath(resource, key), signal }),

    async list<T extends KubeObject>(resource: Resource<T>, query: ListQuery = {}) {
      const path = collectionPath(resource, query.namespace) + queryString(listParams(query));
      const list = await json<KubeList<T>>({
        ...about('list', resource),
        method: 'GET',
        path,
        signal: query.signal,
      });
      return { ...list, items: (list.items ?? []).map(item => typed(resource, item)) };
    },

    create: (resource, object, o = {}) =>
      json({
        ...about('create', resource),
        method: 'POST',
        path: collectionPath(resource, object.metadata.namespace) + queryString(writeParams(o)),
        body: object,
        ...common(o),
      }),

    update: (resource, object, o = {}) =>
      json({
        ...about('update', resource),
        method: 'PUT',
        path: objectPath(resource, object.metadata, o.subresource) + queryString(writeParams(o)),
        body: object,
        ...common(o),
      }),

    patch: (resource, key, type, body, o = {}) =>
      json({
        ...about(type === 'apply' ? 'apply' : 'patch', resource),
        method: 'PATCH',
        path: objectPath(resource, key, o.subresource) + queryString({ ...writeParams(o), force: o.force }),
        body,
        headers: { 'content-type': PATCH_TYPES[type] },
        ...common(o),
      }),

    apply(resource, object, o) {
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      return client.patch(resource, object.metadata, 'apply', body, o);
    },

    async delete(resource: Resource, key: ObjectKey, o = {}) {
      const { signal, dryRun, ...rest } = o;
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...rest, ...(dryRun && { dryRun: ['All'] }) };
      await text({
        ...about('delete', resource),
        method: 'DELETE',
        path: objectPath(resource, key),
        body,
        signal,
      });
    },

    async *watch<T extends KubeObject>(resource: Resource<T>, query: WatchQuery = {}) {
      const limit = query.timeoutSeconds;
      const controller = new AbortController();
      const stop = () => controller.abort(query.signal?.reason);
      if (query.signal?.aborted) return;
      query.signal?.addEventListener('abort', stop, { once: true });
      const cancel = limit
        ? clock.after((limit + WATCH_GRACE_SECONDS) * 1000, () =>
            controller.abort(
              new ApiError('Unreachable', `the watch of ${resource.plural} outlived its time`),
            ),
          )
        : () => {};
      const call: Call = {
        ...about('watch', resource),
        method: 'GET',
        ...(query.accept && { headers: { accept: query.accept } }),
        path: collectionPath(resource, query.namespace) + queryString(watchParams(query)),
        signal: controller.signal,
      };
      let response: TransportResponse | undefined;
      try {
        response = await observed(call, async () => {
          const result = await open(call, true);
          if (result.status !== 200) throw refusal(call, result, await readText(result));
          return { code: result.status, result };
        });
        for await (const event of watchEvents<T>(response.body)) yield event;
      } catch (error) {
        if (query.signal?.aborted) return;
        throw controller.signal.aborted ? controller.signal.reason : error;
      } finally {
        cancel();
        query.signal?.removeEventListener('abort', stop);
        response?.destroy();
      }
    },

    raw: (method, path, o = {}) =>
      text({
        verb: method.toLowerCase(),
        resource: 'raw',
        method,
        path,
        body: o.body,
        headers: o.headers,
        signal: o.signal,
      }),

    async stream(method, path, o = {}) {
      const response = await transport.request({
        method,
        path,
        headers: { accept: '*/*', 'user-agent': userAgent, ...o.headers },
        stream: true,
        ...(o.body && { body: o.body }),
        ...(o.signal && { signal: o.signal }),
      });
      if (response.status < 200 || response.status > 299)
        throw refusal({ method, path }, response, await readText(response));
      return { headers: flat(response), body: response.body };
    },

    close: () => transport.close(),
  };
  return client;
}

const about = (verb: string, resource: Resource) => ({ verb, resource: resource.plural });

const common = (o: WriteOptions) => ({ signal: o.signal, onWarning: o.onWarning });

const encode = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));

/** Items of a list carry neither kind nor apiVersion on some servers. */
function typed<T extends KubeObject>(resource: Resource<T>, item: T): T {
  if (item.kind && item.apiVersion) return item;
  return { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

const listParams = (query: ListQuery): QueryParams => ({
  labelSelector: query.labelSelector,
  fieldSelector: query.fieldSelector,
  limit: query.limit,
  continue: query.continue,
  resourceVersion: query.resourceVersion,
  resourceVersionMatch: query.resourceVersionMatch,
});

const watchParams = (query: WatchQuery): QueryParams => ({
  watch: true,
  ...listParams(query),
  timeoutSeconds: query.timeoutSeconds,
  allowWatchBookmarks: query.allowWatchBookmarks,
  sendInitialEvents: query.sendInitialEvents,
});

const writeParams = (o: WriteOptions): QueryParams => ({
  dryRun: o.dryRun ? 'All' : undefined,
  fieldManager: o.fieldManager,
  fieldValidation: o.fieldValidation,
});
