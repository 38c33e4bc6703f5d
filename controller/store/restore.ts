import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../crds/object.ts';
import { decide, put, remove } from './decide.ts';
import type { State } from './state.ts';
import type { Entry, StoreEvent } from './store.ts';

/**
 * What a server with a lost database may have written after its backup was made. Restoring into a new database skips
 * so many revisions, so that none that a client still remembers means something else.
 */
export const REVISION_MARGIN = 1_000_000_000;

/** Entries compared between two turns of the event loop. */
const SLICE = 500;

export interface BackupContent {
  readonly revision: number;
  readonly entries: readonly Entry[];
}

/** The events that make `state` what the backup holds. `state` must not change meanwhile. */
export async function planRestore(state: State, backup: BackupContent): Promise<StoreEvent[]> {
  const base = backup.revision > state.revision ? backup.revision + REVISION_MARGIN : state.revision;
  const events: StoreEvent[] = [];
  const next = () => base + events.length + 1;
  const wanted = new Set(backup.entries.map(entry => entry.key));
  for (const current of state.list('').entries)
    if (!wanted.has(current.key)) events.push(remove(current, next()));
  let compared = 0;
  for (const { key, object } of backup.entries) {
    const current = state.get(key);
    if (!current) {
      events.push(decide({ verb: 'create', key, object }, undefined, next()));
    } else if (current.object.metadata.uid !== object.metadata.uid) {
      // Another object of the same name: whoever watches has to see the end of the one and the start of the other.
      events.push(remove(current, next()));
      events.push(decide({ verb: 'create', key, object }, undefined, next()));
    } else if (!isSame(current.object, object)) {
      events.push(put(object, current, next()));
    }
    if (++compared % SLICE === 0) await new Promise(resolve => setImmediate(resolve));
  }
  return events;
}

/** Whether two objects are the same but for the revision they were written at. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  return isDeepStrictEqual(withoutRevision(a), withoutRevision(b));
}

function withoutRevision(object: KubeObject): unknown {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return JSON.parse(JSON.stringify({ ...object, metadata }));
}
