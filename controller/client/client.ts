import type { Readable } from 'node:stream';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeList, KubeObject } from '../../crds/object.ts';

export interface ListQuery {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  signal?: AbortSignal;
}

export interface WatchQuery extends ListQuery {
  /** The server ends the watch after this long. */
  timeoutSeconds?: number;
  allowWatchBookmarks?: boolean;
  sendInitialEvents?: boolean;
  /** Media type of the objects in events, e.g. a Table's. Defaults to `application/json`. */
  accept?: string;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** Only metadata.resourceVersion (and annotations) are set. */
  | { type: 'BOOKMARK'; object: T };

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface WriteOptions {
  dryRun?: boolean;
  fieldManager?: string;
  /** apply: take over fields of other managers. */
  force?: boolean;
  fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  subresource?: 'status' | 'scale';
  signal?: AbortSignal;
  /** Called with each Warning header. */
  onWarning?: (text: string) => void;
}

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
  gracePeriodSeconds?: number;
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface ObjectKey {
  name: string;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
}

/**
 * The Kubernetes API, typed. Every method throws ApiError (controller/kit/errors.ts); a server that cannot be reached
 * is reason `Unreachable`. Nothing is retried here: callers are level-triggered.
 * Implementations: over HTTPS, and in process over the embedded server with the in-memory store (tests).
 */
export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, signal?: AbortSignal): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, query?: ListQuery): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces; `metadata.resourceVersion` in the object makes it optimistic. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply; `fieldManager` is required. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions & { fieldManager: string },
  ): Promise<T>;
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** Ends when the server ends it or `signal` is aborted (without an error then). An ERROR event is thrown as ApiError. */
  watch<T extends KubeObject>(resource: Resource<T>, query?: WatchQuery): AsyncIterable<WatchEvent<T>>;
  /** Any path, for discovery and the like. Non-2xx is thrown. */
  raw(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<{ status: number; headers: Record<string, string>; text: string }>;
  /** Any path, for what is too large to hold or no JSON. Non-2xx is thrown; the body must be read to its end. */
  stream(
    method: string,
    path: string,
    options?: { body?: Readable; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<{ headers: Record<string, string>; body: AsyncIterable<Buffer> }>;
  /** Frees connections. */
  close(): Promise<void>;
}
