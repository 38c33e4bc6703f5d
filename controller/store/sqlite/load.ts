import { StoredEntry } from '../entry.ts';
import type { ResolvedOptions } from '../options.ts';
import { State } from '../state.ts';
import type { Entry, StoreEvent } from '../store.ts';
import { corruptError } from './failure.ts';
import type { Row } from './row.ts';
import type { DatabaseThread } from './thread.ts';

/** Characters read at once. */
const CHUNK = 1024 * 1024;

/**
 * Plays the log of an open database: rows up to `compactRevision` make the state that the history starts from, those
 * after it the history. Throws StoreError Corrupt when they do not follow from each other.
 */
export async function loadState(
  thread: DatabaseThread,
  file: string,
  compactRevision: number,
  options: ResolvedOptions,
): Promise<State> {
  const base = new Map<string, Entry>();
  let state: State | undefined;
  for (;;) {
    const rows = await thread.call('read', CHUNK);
    const first = rows.findIndex(([revision]) => revision > compactRevision);
    const old = first < 0 ? rows : rows.slice(0, first);
    for (const row of old) {
      const [, key, , deleted] = row;
      if (deleted) base.delete(key);
      else base.set(key, entryOf(row));
    }
    if (first >= 0 || rows.length === 0) state ??= new State(compactRevision, base.values(), options);
    if (rows.length === 0) return state as State;
    if (first >= 0) replay(state as State, rows.slice(first), { file, options });
  }
}

function replay(
  state: State,
  rows: readonly Row[],
  { file, options }: { file: string; options: ResolvedOptions },
): void {
  const now = options.clock.now();
  const latest = new Map<string, Entry | undefined>();
  const events: StoreEvent[] = [];
  for (const row of rows) {
    const [revision, key, , deleted, , prevRevision] = row;
    const previous = latest.has(key) ? latest.get(key) : state.get(key);
    const isNext = revision === state.revision + events.length + 1;
    if (!isNext || prevRevision !== (previous?.revision ?? 0)) {
      throw corruptError(file, `is damaged (revision ${revision} does not follow from those before it)`);
    }
    const entry = entryOf(row);
    latest.set(key, deleted ? undefined : entry);
    events.push({ type: deleted ? 'DELETE' : 'PUT', revision, entry, ...(previous && { previous }) });
  }
  state.apply(events, now);
}

function entryOf([revision, key, , , createRevision, , value]: Row): Entry {
  return new StoredEntry(key, value, { revision, createRevision });
}
