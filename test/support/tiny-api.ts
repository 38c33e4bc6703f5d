import type { Transport, TransportRequest, TransportResponse } from '../../controller/client/transport.ts';
import { ApiError } from '../../controller/kit/errors.ts';
import type { KubeObject } from '../../crds/object.ts';

type Fault = (request: TransportRequest & { url: URL }) => ApiError | Promise<unknown> | undefined;
type Change = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: KubeObject; path: string };

/**
 * Just enough of a Kubernetes API for tests of what stands on the client: objects of any kind with versions, conflicts,
 * finalizers, lists in pages, watches and streamed lists. It knows no schemas, and can be made to fail.
 */
export class TinyApi implements Transport {
  readonly requests: { method: string; path: string; body?: unknown }[] = [];
  /** Looks at each request first; an error is the answer, a promise is waited for (never: hangs until aborted). */
  fault: Fault | undefined;
  streamsLists = true;
  #objects = new Map<string, KubeObject>();
  #changes: Change[] = [];
  readonly #snapshots = new Map<number, KubeObject[]>();
  #forgotten = 0;
  #version = 100;
  #watchers = new Set<() => void>();
  #cut = new AbortController();

  /** Requests that change something. */
  get writes(): string[] {
    return this.requests.filter(r => r.method !== 'GET').map(r => `${r.method} ${r.path}`);
  }

  get version(): number {
    return this.#version;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  get(path: string): KubeObject | undefined {
    return this.#objects.get(path);
  }

  all(part: string): KubeObject[] {
    return [...this.#objects].filter(([path]) => path.includes(part)).map(([, object]) => object);
  }

  /** Writes without a request: somebody else did it. */
  put(path: string, object: Partial<KubeObject>): KubeObject {
    return this.#store(path, object as KubeObject);
  }

  remove(path: string): void {
    const object = this.#objects.get(path);
    if (!object) return;
    this.#objects.delete(path);
    const metadata = { ...object.metadata, resourceVersion: `${++this.#version}` };
    this.#tell('DELETED', { ...object, metadata }, path);
  }

  /** Tells every watcher how far it is. */
  bookmark(): void {
    const metadata = { name: '', resourceVersion: `${++this.#version}` };
    this.#tell('BOOKMARK', { kind: 'X', apiVersion: 'v1', metadata }, '');
  }

  /** Forgets the history: watches from before are answered 410. */
  compact(): void {
    this.#forgotten = this.#version;
    this.#changes = [];
    this.#snapshots.clear();
  }

  /** Breaks every watch off. */
  cutWatches(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const url = new URL(request.path, 'http://tiny');
    const body = typeof request.body === 'string' ? JSON.parse(request.body) : undefined;
    this.requests.push({ method: request.method, path: request.path, ...(body && { body }) });
    request.signal?.throwIfAborted();
    try {
      const fault = this.fault?.({ ...request, url });
      if (fault instanceof ApiError) throw fault;
      if (fault) await untilAborted(fault, request.signal);
      if (url.searchParams.has('sendInitialEvents') && !this.streamsLists)
        throw new ApiError('Invalid', 'sendInitialEvents is forbidden');
      if (url.searchParams.get('watch')) return answer(200, this.#watch(url, request.signal));
      return answer(200, once(JSON.stringify(this.#handle(request, url, body))));
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason === 'Unreachable') throw error;
      return answer(error.code, once(JSON.stringify(error.toStatus())));
    }
  }

  async close(): Promise<void> {
    this.cutWatches();
  }

  #handle(request: TransportRequest, url: URL, body: KubeObject): unknown {
    const status = url.pathname.endsWith('/status');
    const path = url.pathname.replace(/\/status$/, '');
    if (request.method === 'POST') {
      const target = `${path}/${body.metadata.name}`;
      if (this.#objects.has(target)) throw new ApiError('AlreadyExists', `${target} exists`);
      return this.#store(target, body);
    }
    const present = this.#objects.get(path);
    if (request.method === 'GET' && !present && isCollection(path)) return this.#list(path, url);
    if (!present) throw new ApiError('NotFound', `${path} not found`);
    if (request.method === 'GET') return present;
    const wanted = body?.metadata?.resourceVersion;
    if (wanted && wanted !== present.metadata.resourceVersion)
      throw new ApiError('Conflict', `${path} has changed`);
    if (request.method === 'DELETE') return this.#delete(path, present);
    const next = request.method === 'PUT' ? body : (merge(present, body) as KubeObject);
    if (JSON.stringify(next) === JSON.stringify(present)) return present;
    const old = present as KubeObject & { status?: unknown };
    const kept = status ? { ...old, status: (next as typeof old).status } : { ...next, status: old.status };
    return this.#store(path, kept);
  }

  #delete(path: string, present: KubeObject): KubeObject {
    if (!present.metadata.finalizers?.length) {
      this.remove(path);
      return present;
    }
    const metadata = { ...present.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    return this.#store(path, { ...present, metadata });
  }

  #store(path: string, object: KubeObject): KubeObject {
    const old = this.#objects.get(path);
    const version = ++this.#version;
    const [, namespace] = /\/namespaces\/([^/]+)\//.exec(path) ?? [];
    const metadata = {
      ...(namespace && { namespace }),
      uid: old?.metadata.uid ?? `uid-${version}`,
      ...object.metadata,
      name: path.split('/').at(-1) as string,
      resourceVersion: `${version}`,
    };
    const stored = { ...object, metadata };
    if (metadata.deletionTimestamp && !metadata.finalizers?.length) {
      this.#objects.delete(path);
      this.#tell('DELETED', stored, path);
    } else {
      this.#objects.set(path, stored);
      this.#tell(old ? 'MODIFIED' : 'ADDED', stored, path);
    }
    return stored;
  }

  #tell(type: Change['type'], object: KubeObject, path: string): void {
    this.#changes.push({ type, object, path });
    for (const wake of this.#watchers) wake();
  }

  #matching(path: string): KubeObject[] {
    return [...this.#objects].filter(([at]) => isIn(at, path)).map(([, object]) => object);
  }

  /** Pages are of the state at the first one; a compaction forgets it. */
  #list(path: string, url: URL): unknown {
    const token = url.searchParams.get('continue')?.split(':').map(Number);
    const [version, from] = [token?.[0] ?? this.#version, token?.[1] ?? 0];
    const all = token ? this.#snapshots.get(version) : this.#matching(path);
    if (!all) throw new ApiError('Expired', 'the page token is too old');
    const limit = Number(url.searchParams.get('limit')) || all.length;
    const next = from + limit;
    if (next < all.length) this.#snapshots.set(version, all);
    return {
      kind: 'List',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: `${version}`,
        ...(next < all.length && { continue: `${version}:${next}` }),
      },
      items: all.slice(from, next),
    };
  }

  async *#watch(url: URL, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const cut = this.#cut.signal;
    const streamed = url.searchParams.get('sendInitialEvents') === 'true';
    let at = Number(url.searchParams.get('resourceVersion') ?? 0);
    let wake = () => {};
    const ring = () => wake();
    this.#watchers.add(ring);
    signal?.addEventListener('abort', ring);
    cut.addEventListener('abort', ring);
    try {
      if (streamed) {
        at = this.#version;
        for (const object of this.#matching(url.pathname)) yield line('ADDED', object);
        const annotations = { 'k8s.io/initial-events-end': 'true' };
        yield line('BOOKMARK', {
          kind: 'X',
          apiVersion: 'v1',
          metadata: { resourceVersion: `${at}`, annotations },
        });
      }
      for (;;) {
        if (cut.aborted) throw new ApiError('Unreachable', 'cut');
        if (signal?.aborted) throw signal.reason;
        // Also one that stood already and had not been told everything.
        if (at < this.#forgotten) {
          yield line('ERROR', new ApiError('Expired', 'too old resource version').toStatus());
          return;
        }
        const next = this.#changes.find(change => versionOf(change.object) > at);
        if (next) {
          at = versionOf(next.object);
          if (next.type === 'BOOKMARK' || isIn(next.path, url.pathname)) yield line(next.type, next.object);
        } else
          await new Promise<void>(resolve => {
            wake = resolve;
          });
      }
    } finally {
      this.#watchers.delete(ring);
      signal?.removeEventListener('abort', ring);
      cut.removeEventListener('abort', ring);
    }
  }
}

const line = (type: string, object: unknown) => Buffer.from(`${JSON.stringify({ type, object })}\n`);

const isCollection = (path: string) =>
  !/\/[a-z]+\/[^/]+$/.test(path.replace(/^.*\/(v\d\w*)(\/namespaces\/[^/]+)?/, ''));

const versionOf = (object: KubeObject) => Number(object.metadata.resourceVersion);

function isIn(path: string, collection: string): boolean {
  const parent = path.replace(/\/[^/]+$/, '');
  return parent === collection || parent.replace(/\/namespaces\/[^/]+/, '') === collection;
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> = { ...((target as Record<string, unknown>) ?? {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merge(out[key], value);
  }
  return out;
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

const answer = (status: number, body: AsyncGenerator<Buffer>): TransportResponse => ({
  status,
  headers: {},
  body,
  destroy: () => void body.return(undefined),
});

function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
