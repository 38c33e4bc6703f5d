import type { ListResult, Store, StoreEvent } from '../../../controller/store/store.ts';
import { specValue } from '../../support/store-objects.ts';

interface Change {
  revision: number;
  key: string;
  /** undefined: deleted. */
  value: unknown;
}

/** What a store should hold, in the plainest way: the list of all changes that ever were. */
export class Model {
  changes: Change[] = [];

  get revision(): number {
    return this.changes.at(-1)?.revision ?? 0;
  }

  /** Key → value and revision of the last write, in key order. */
  at(revision: number): Map<string, { value: unknown; revision: number }> {
    const state = new Map<string, { value: unknown; revision: number }>();
    for (const change of this.changes) {
      if (change.revision > revision) break;
      if (change.value === undefined) state.delete(change.key);
      else state.set(change.key, change);
    }
    return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  apply(event: StoreEvent): void {
    const { key, object } = event.entry;
    this.changes.push({
      revision: event.revision,
      key,
      value: event.type === 'PUT' ? specValue(object) : undefined,
    });
  }

  /** One line an entry, as `describe(store.list(…))` gives for a store that is right. */
  list(
    prefix: string,
    options: { revision: number; after?: string | undefined; limit?: number | undefined },
  ): string[] {
    const matching = [...this.at(options.revision)].filter(
      ([key]) => key.startsWith(prefix) && (options.after === undefined || key > options.after),
    );
    const page = matching.slice(0, options.limit);
    return [
      ...page.map(([key, e]) => `${key}=${e.value}@${e.revision}`),
      `+${matching.length - page.length}`,
    ];
  }

  /** One line a change after `revision`. */
  events(revision: number, prefix: string): string[] {
    return this.changes
      .filter(c => c.revision > revision && c.key.startsWith(prefix))
      .map(c => `${c.key}=${c.value}@${c.revision}`);
  }
}

export function describe(list: ListResult): string[] {
  return [...list.entries.map(e => `${e.key}=${specValue(e.object)}@${e.revision}`), `+${list.remaining}`];
}

export function describeEvent({ type, revision, entry }: StoreEvent): string {
  return `${entry.key}=${type === 'PUT' ? specValue(entry.object) : undefined}@${revision}`;
}

/** Throws unless the store is what the model says at every revision that can be asked for. */
export function compare(store: Store, model: Model): void {
  const same = (what: string, actual: unknown, expected: unknown) => {
    if (JSON.stringify(actual) === JSON.stringify(expected)) return;
    throw new Error(`${what}: ${JSON.stringify(actual)} should be ${JSON.stringify(expected)}`);
  };
  same('revision', store.revision, model.revision);
  for (let revision = store.compactRevision; revision <= store.revision; revision++) {
    same(`list at ${revision}`, describe(store.list('', { revision })), model.list('', { revision }));
  }
  for (const { key, revision, object, json } of store.list('').entries) {
    same(`JSON of ${key}`, JSON.parse(json), object);
    same(`version of ${key}`, object.metadata.resourceVersion, String(revision));
  }
}
