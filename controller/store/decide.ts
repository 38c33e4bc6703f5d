import type { KubeObject } from '../../crds/object.ts';
import { writtenEntry } from './entry.ts';
import { type Entry, StoreError, type StoreEvent } from './store.ts';

/** A write as it was asked for. */
export type Write =
  | { readonly verb: 'create'; readonly key: string; readonly object: KubeObject }
  | { readonly verb: 'update'; readonly key: string; readonly object: KubeObject; readonly expected: number }
  | { readonly verb: 'delete'; readonly key: string; readonly expected: number };

/** What the write does as `revision` where `current` is there. Throws StoreError Exists, NotFound, Conflict. */
export function decide(write: Write, current: Entry | undefined, revision: number): StoreEvent {
  const { verb, key } = write;
  if (verb === 'create') {
    if (current) throw new StoreError('Exists', `${key} is there already`, current);
    return {
      type: 'PUT',
      revision,
      entry: writtenEntry(key, write.object, { revision, createRevision: revision }),
    };
  }
  if (!current) throw new StoreError('NotFound', `${key} is not there`);
  if (current.revision !== write.expected) {
    throw new StoreError(
      'Conflict',
      `${key} is at revision ${current.revision}, not ${write.expected}`,
      current,
    );
  }
  return verb === 'update' ? put(write.object, current, revision) : remove(current, revision);
}

export function put(object: KubeObject, previous: Entry, revision: number): StoreEvent {
  const { key, createRevision } = previous;
  return { type: 'PUT', revision, entry: writtenEntry(key, object, { revision, createRevision }), previous };
}

export function remove(previous: Entry, revision: number): StoreEvent {
  const { key, createRevision, object } = previous;
  return {
    type: 'DELETE',
    revision,
    entry: writtenEntry(key, object, { revision, createRevision }),
    previous,
  };
}
