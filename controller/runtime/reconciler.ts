import type { KubeObject } from '../../crds/object.ts';
import type { ObjectKey } from '../client/client.ts';
import type { Logger } from '../kit/log.ts';

/**
 * What a pass came to. Anything thrown is an error: counted, logged, an event where it says so, and retried with
 * per-key exponential backoff.
 */
export type Outcome =
  /** Nothing more to do until something changes. */
  | { kind: 'done' }
  /** Look again after `ms`, without counting as a failure. */
  | { kind: 'requeueAfter'; ms: number }
  /** Waits for something outside; a watch will tell. `reason` is for log and metric. */
  | { kind: 'waiting'; reason: string }
  /** No retry will help until the object changes. Counted, never retried. */
  | { kind: 'terminal'; reason: string; message: string };

export const done: Outcome = { kind: 'done' };

export interface ReconcileContext {
  signal: AbortSignal;
  log: Logger;
}

/** Level-triggered: receives a key, reads again and converges. Never runs twice at once for one key. */
export interface Reconciler {
  readonly name: string;
  reconcile(key: ObjectKey, context: ReconcileContext): Promise<Outcome>;
}

/** A cache's read side. Objects are shared: never change them. */
export interface Lister<T extends KubeObject> {
  get(name: string, namespace?: string): T | undefined;
  list(options?: { namespace?: string }): T[];
  /** Objects for which the index function of this name gave `value`. */
  byIndex(index: string, value: string): T[];
}

/** A cache kept true by list and watch. */
export interface Informer<T extends KubeObject> extends Lister<T> {
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>;
  /** Called after the cache changed: `old` absent for an add, `now` absent for a delete. Returns an unsubscribe. */
  onChange(handler: (change: { old?: T; now?: T }) => void): () => void;
  /** Adds an index; existing objects are indexed at once. */
  addIndex(name: string, fn: (object: T) => string[]): void;
  /** Starts; resolves when stopped. */
  run(signal: AbortSignal): Promise<void>;
}

/** Says what happened to an object, as core/v1 Events. Repetitions are aggregated; never throws, never blocks. */
export interface EventRecorder {
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Resolves when what was recorded so far was written or dropped. */
  flush(): Promise<void>;
}
