import type { Log } from '../log.ts';
import type { Entry, StoreEvent } from '../store.ts';
import type { Row } from './row.ts';
import type { DatabaseThread } from './thread.ts';

/** Characters sent to the thread at once; a restore is larger. */
const CHUNK = 4 * 1024 * 1024;

/** The log in an open database. */
export function createSqliteLog(thread: DatabaseThread, opened: { swept: number; revision: number }): Log {
  let sweptTo = opened.swept;
  let durable = opened.revision;
  return {
    get swept() {
      return sweptTo;
    },
    append: async (events, compactTo) => {
      await appendRows(thread, events.map(rowOf), { base: durable, compactTo });
      durable = (events.at(-1) as StoreEvent).revision;
    },
    sweep: async target => {
      sweptTo = await thread.call('sweep', target);
    },
    close: () => thread.close(),
  };
}

/** One transaction, in pieces that keep the event loop free. */
export async function appendRows(
  thread: DatabaseThread,
  rows: readonly Row[],
  options: { base: number; compactTo?: number | undefined },
): Promise<void> {
  for (let from = 0; ; ) {
    let to = from;
    for (let size = 0; to < rows.length && size < CHUNK; to++) size += (rows[to] as Row)[6].length;
    const commit = to >= rows.length;
    const piece = from === 0 && commit ? rows : rows.slice(from, to);
    await thread.call('append', piece, {
      base: options.base,
      commit,
      ...(commit && options.compactTo !== undefined && { compactTo: options.compactTo }),
    });
    if (commit) return;
    from = to;
  }
}

function rowOf({ type, revision, entry, previous }: StoreEvent): Row {
  const isDelete = type === 'DELETE';
  return [
    revision,
    entry.key,
    Number(!isDelete && previous === undefined),
    Number(isDelete),
    entry.createRevision,
    previous?.revision ?? 0,
    entry.json,
  ];
}

/** The row of an entry without what was before it. */
export function snapshotRowOf(entry: Entry): Row {
  const created = Number(entry.revision === entry.createRevision);
  return [entry.revision, entry.key, created, 0, entry.createRevision, 0, entry.json];
}
