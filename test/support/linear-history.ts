/** What a client did to one object, from before it was sent until its answer was there. Times in ms of one clock. */
export type Operation = {
  readonly key: string;
  readonly start: number;
  /** Infinity: the answer never came. */
  readonly end: number;
} & (
  | { readonly kind: 'read'; readonly found: Found }
  /** Stored `value` if the object was at `expected`, 0 for a create. */
  | {
      readonly kind: 'put';
      readonly expected: number;
      readonly value: string;
      /** A number: stored, as that version. */
      readonly outcome: number | 'refused' | 'unknown';
    }
  /** Deleted the object if it was at `expected`. */
  | { readonly kind: 'delete'; readonly expected: number; readonly outcome: 'done' | 'refused' | 'unknown' }
);
/** The state that was read; version 0: there was none. */
export type Found = { readonly version: number; readonly value?: string };

/** A list of all the objects. */
export interface Snapshot {
  readonly start: number;
  readonly end: number;
  readonly version: number;
  readonly items: ReadonlyMap<string, Found>;
}

/** What a watch told, in order. */
export interface WatchedEvent {
  readonly key: string;
  readonly version: number;
  /** Absent: deleted. */
  readonly value?: string;
}

export interface History {
  readonly operations: readonly Operation[];
  readonly snapshots: readonly Snapshot[];
  /** Of each watcher, from before the first operation until after the last. */
  readonly watches: readonly (readonly WatchedEvent[])[];
}

interface Version extends WatchedEvent {
  /** When its write was sent; nobody can have seen it earlier. */
  readonly start: number;
}

/**
 * What in a history could not have happened on one copy of every object, changed at one moment between the start and
 * the end of each operation. As every write has a version of its own and watches tell all of them in order, that is
 * decided object by object, without search: an operation stands at a place of the object's row of versions, and none
 * stands before another that had ended when it began.
 */
export function violations({ operations, snapshots, watches }: History): string[] {
  const log = watches[0] ?? [];
  const found = [...watchFaults(watches), ...strangers(log, operations)];
  const keys = new Set([...log, ...operations].map(({ key }) => key));
  const rows = new Map([...keys].map(key => [key, rowOf(key, log, operations)]));
  for (const [key, row] of rows)
    found.push(
      ...misplaced(
        operations.filter(one => one.key === key),
        row,
      ),
    );
  return [...found, ...snapshotFaults(snapshots, rows, operations)];
}

function watchFaults(watches: History['watches']): string[] {
  const [first = [], ...others] = watches;
  const found: string[] = [];
  for (const [i, events] of watches.entries())
    for (const [j, event] of events.entries()) {
      const before = events[j - 1]?.version ?? 0;
      if (event.version === before) found.push(`watch ${i} told ${text(event)} twice`);
      else if (event.version < before) found.push(`watch ${i} told ${text(event)} after ${before}`);
    }
  for (const [i, events] of others.entries()) {
    const at = first.findIndex((event, j) => text(event) !== text(events[j]));
    if (at >= 0 || events.length !== first.length)
      found.push(
        `watch ${i + 1} differs from watch 0: ${text(events[at] ?? events[first.length])}, ${text(first[at])}`,
      );
  }
  return found;
}

const text = (event: WatchedEvent | undefined): string =>
  event ? `${event.key}@${event.version}=${event.value ?? 'deleted'}` : 'nothing';

/** Events that no write explains, and writes that are told otherwise than they were answered. */
function strangers(log: readonly WatchedEvent[], operations: readonly Operation[]): string[] {
  const found: string[] = [];
  const told = new Map(log.map(event => [event.version, event]));
  for (const one of operations) {
    if (one.kind !== 'put' || typeof one.outcome !== 'number') continue;
    const event = told.get(one.outcome);
    if (event?.key !== one.key || event.value !== one.value)
      found.push(`the answered write of ${one.key}@${one.outcome}=${one.value} was told as ${text(event)}`);
  }
  const applied = new Map<string, number>();
  for (const { key, version, value } of log) {
    if (value === undefined) continue;
    if (applied.has(value))
      found.push(`${value} was stored at ${applied.get(value)} and again at ${version}`);
    applied.set(value, version);
    const write = operations.find(one => one.kind === 'put' && one.key === key && one.value === value);
    if (!write) found.push(`nobody wrote ${key}@${version}=${value}`);
    else if (write.kind === 'put' && write.outcome === 'refused')
      found.push(`${key}@${version}=${value} was stored, and its writer told that it was not`);
  }
  return found;
}

/** Every state of an object, the first one that it is not there. */
function rowOf(key: string, log: readonly WatchedEvent[], operations: readonly Operation[]): Version[] {
  const row: Version[] = [{ key, version: 0, start: Number.NEGATIVE_INFINITY }];
  for (const event of log) {
    if (event.key !== key) continue;
    const before = row.at(-1)!;
    const starts = operations
      .filter(one => one.key === key && writes(one, event, before.version))
      .map(({ start }) => start);
    row.push({ ...event, start: Math.min(...starts) });
  }
  return row;
}

function writes(one: Operation, event: WatchedEvent, before: number): boolean {
  if (one.kind === 'read' || one.outcome === 'refused') return false;
  if (one.kind === 'put') return one.value === event.value;
  return event.value === undefined && one.expected === before;
}

/** Operations of one object that have no place in its row. */
function misplaced(operations: readonly Operation[], row: readonly Version[]): string[] {
  const found: string[] = [];
  const placed: { end: number; at: number }[] = [];
  for (const one of [...operations].sort((a, b) => a.start - b.start)) {
    const from = Math.max(0, ...placed.filter(({ end }) => end < one.start).map(({ at }) => at));
    const isWrite = one.kind !== 'read' && (one.outcome === 'done' || typeof one.outcome === 'number');
    const at = row.findIndex(
      (version, i) =>
        i >= from + (isWrite ? 1 : 0) && version.start <= one.end && fits(one, version, row[i - 1]),
    );
    if (at < 0) found.push(`${describe(one)} has no place at or after ${text(row[from])}`);
    else if (one.kind === 'read' || one.outcome !== 'unknown') placed.push({ end: one.end, at });
  }
  return found;
}

/** Whether the operation can have met the object so, or have made it so. */
function fits(one: Operation, version: Version, before: Version | undefined): boolean {
  if (one.kind === 'read') {
    const isAbsent = version.value === undefined;
    return one.found.version === 0
      ? isAbsent
      : version.version === one.found.version && version.value === one.found.value;
  }
  if (one.outcome === 'unknown') return true;
  const state = (of: Version | undefined) => (of?.value === undefined ? 0 : of.version);
  if (one.outcome === 'refused') return state(version) !== one.expected;
  const isTheWrite = one.outcome === 'done' ? version.value === undefined : version.version === one.outcome;
  return isTheWrite && before !== undefined && state(before) === one.expected;
}

const describe = (one: Operation): string =>
  `${one.kind} of ${one.key} ${JSON.stringify(one.kind === 'read' ? one.found : [one.expected, one.outcome])}`;

/** Lists that are no state that ever was, or one that was over before they began. */
function snapshotFaults(
  snapshots: readonly Snapshot[],
  rows: ReadonlyMap<string, readonly Version[]>,
  operations: readonly Operation[],
): string[] {
  const found: string[] = [];
  for (const one of snapshots) {
    for (const [key, row] of rows) {
      const state = row.findLast(({ version }) => version <= one.version);
      const item = one.items.get(key);
      const isSame =
        state?.value === undefined ? !item : item?.version === state.version && item.value === state.value;
      if (!isSame)
        found.push(`the list at ${one.version} has ${key} as ${JSON.stringify(item)}, not ${text(state)}`);
    }
    const known = [
      ...snapshots.filter(({ end }) => end < one.start).map(({ version }) => version),
      ...operations
        .filter(({ end }) => end < one.start)
        .map(other => (other.kind === 'read' ? other.found.version : other.outcome))
        .filter(version => typeof version === 'number'),
    ];
    const newest = Math.max(0, ...known);
    if (one.version < newest) found.push(`the list at ${one.version} began after ${newest} was known`);
  }
  return found;
}
