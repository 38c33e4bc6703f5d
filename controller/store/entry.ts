import type { KubeObject } from '../../crds/object.ts';
import type { Entry } from './store.ts';

/**
 * An entry as its JSON. Its object is made when somebody looks, and kept until the entry is superseded: most are never
 * looked into, and what they are parsed to takes several times the memory.
 */
export class StoredEntry implements Entry {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly json: string;
  #object: KubeObject | undefined;

  constructor(key: string, json: string, at: { revision: number; createRevision: number }) {
    this.key = key;
    this.json = json;
    this.revision = at.revision;
    this.createRevision = at.createRevision;
  }

  get object(): KubeObject {
    this.#object ??= JSON.parse(this.json) as KubeObject;
    return this.#object;
  }

  release(): void {
    this.#object = undefined;
  }
}

/** The entry that a write makes: `object` with the revision as its resourceVersion. Throws what JSON.stringify throws. */
export function writtenEntry(
  key: string,
  object: KubeObject,
  at: { revision: number; createRevision: number },
): StoredEntry {
  const metadata = { ...object.metadata, resourceVersion: String(at.revision) };
  return new StoredEntry(key, JSON.stringify({ ...object, metadata }), at);
}
