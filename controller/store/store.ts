import type { KubeObject } from '../../crds/object.ts';

/**
 * A log of revisions over keys, in the manner of etcd and kine. Only controller/apiserver imports this folder.
 *
 * Keys are `/<group>/<plural>/<namespace>/<name>` (core group: `core`; cluster scope: `/<group>/<plural>//<name>`... the
 * store does not care; it orders keys by UTF-16 code unit and matches prefixes).
 */
export interface Entry {
  readonly key: string;
  /** Deeply immutable by contract. `metadata.resourceVersion` is the entry's revision. Parsed on first use. */
  readonly object: KubeObject;
  /** The object as JSON. */
  readonly json: string;
  /** Revision of the last write. */
  readonly revision: number;
  /** Revision of the create. */
  readonly createRevision: number;
  /** Lets go of `object`, which is parsed anew when somebody looks: what is history is seldom looked into. */
  release(): void;
}

export interface StoreEvent {
  readonly type: 'PUT' | 'DELETE';
  readonly revision: number;
  /** The state after a PUT; for a DELETE the last state, with the revision of the deletion as its resourceVersion. */
  readonly entry: Entry;
  /** The state before, absent for a create. What a watch with a selector needs to tell leaving from changing. */
  readonly previous?: Entry;
}

export interface ListOptions {
  /** State as of this revision. Throws StoreError 'Compacted' when it is older than the history, 'FutureRevision' when it is ahead. Defaults to the current one. */
  revision?: number;
  /** Only keys greater than this one. */
  after?: string;
  /** At most this many entries. Defaults to all. */
  limit?: number;
}

export interface ListResult {
  /** Revision of the state that was read. */
  revision: number;
  /** In key order. */
  entries: readonly Entry[];
  /** How many match beyond `entries`. */
  remaining: number;
}

export type StoreErrorCode =
  /** create: the key is there. `current` is it. */
  | 'Exists'
  /** update, delete: the key is not there. */
  | 'NotFound'
  /** update, delete: the key is at another revision. `current` is it. */
  | 'Conflict'
  /** The revision is older than the kept history. */
  | 'Compacted'
  /** The revision has not been written yet. */
  | 'FutureRevision'
  /** watch: the watcher was too slow and was cut off. */
  | 'TooSlow'
  /** The database cannot be read; the message tells how to restore it. */
  | 'Corrupt'
  /** The database was written by a newer version. */
  | 'NewerSchema'
  /** open: another server has the database. */
  | 'Locked'
  /** Writing failed (disk full, I/O error). The write did not happen. */
  | 'Unavailable'
  | 'Closed';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly current: Entry | undefined;
  constructor(code: StoreErrorCode, message: string, current?: Entry, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
    this.current = current;
  }
}

/** A watch: events in revision order, each exactly once, in batches as they were committed. */
export interface Watch extends AsyncIterable<readonly StoreEvent[]> {
  /** Every matching event up to this revision has been taken from the iterator: what a bookmark may say. */
  readonly revision: number;
  /** Ends the iteration. Idempotent. */
  close(): void;
}

/**
 * Ordering: writes get consecutive revisions in the order in which they were accepted. A write resolves after it is
 * durable, and is seen by reads and watches only then. Reads are synchronous: they come from memory.
 * Idempotency: none; the caller compares revisions.
 */
export interface Store {
  /** Revision of the last durable write; 0 for a new store. */
  readonly revision: number;
  /** Oldest revision from which a watch or list can start. */
  readonly compactRevision: number;
  get(key: string): Entry | undefined;
  list(prefix: string, options?: ListOptions): ListResult;
  /** How many keys have this prefix. */
  count(prefix: string): number;
  /** Throws Exists. */
  create(key: string, object: KubeObject): Promise<Entry>;
  /** Throws NotFound, Conflict. */
  update(key: string, object: KubeObject, expectedRevision: number): Promise<Entry>;
  /** Throws NotFound, Conflict. Returns the last state, its resourceVersion that of the deletion. */
  delete(key: string, expectedRevision: number): Promise<Entry>;
  /**
   * Events after `fromRevision` (exclusive) whose key has the prefix. Throws Compacted at the call when it is too old,
   * FutureRevision when it is ahead. Ends, without an error, when the store is closed.
   * Buffers at most a bounded number of events; a reader that falls behind gets TooSlow from the iterator.
   */
  watch(prefix: string, fromRevision: number): Watch;
  /** Resolves when `revision` is durable and visible, or rejects when `signal` is aborted. */
  waitFor(revision: number, signal?: AbortSignal): Promise<void>;
  /** Forgets history before `revision`, never current state. */
  compact(revision: number): Promise<void>;
  /** Writes a consistent copy to `file` while running; whole or not at all. Throws Unavailable. */
  backup(file: string): Promise<{ revision: number; bytes: number }>;
  /**
   * Replaces the whole content with that of a backup, while running, as new revisions after the current one (a PUT for
   * what differs, a DELETE for what is gone, both where the uid is another), so that every watcher sees it happen. When
   * the backup is ahead of this store, revisions go on far beyond it, and history before it is Compacted. Throws
   * Corrupt, NewerSchema, Unavailable.
   */
  restore(file: string): Promise<{ revision: number; changed: number }>;
  close(): Promise<void>;
}
