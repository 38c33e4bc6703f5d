import type { KubeObject } from '../../crds/object.ts';
import type { Entry } from './store.ts';

/** An entry of which one of `object` and `json` is known and the other is made on first use. */
class LazyEntry implements Entry {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  #object: KubeObject | undefined;
  #json: string | undefined;

  constructor(key: string, revision: number, createRevision: number, content: KubeObject | string) {
    this.key = key;
    this.revision = revision;
    this.createRevision = createRevision;
    if (typeof content === 'string') this.#json = content;
    else this.#object = content;
  }

  get object(): KubeObject {
    this.#object ??= JSON.parse(this.#json as string) as KubeObject;
    return this.#object;
  }

  get json(): string {
    this.#json ??= JSON.stringify(this.#object);
    return this.#json;
  }
}

/** The entry that a write makes: a copy of `object` whose resourceVersion is the revision. Stringified here, once. */
export function writtenEntry(
  key: string,
  object: KubeObject,
  at: { revision: number; createRevision: number },
): Entry {
  const metadata = { ...object.metadata, resourceVersion: String(at.revision) };
  const entry = new LazyEntry(key, at.revision, at.createRevision, { ...object, metadata });
  // Now, so that what cannot be stringified fails its own write and nothing else.
  entry.json;
  return entry;
}

/** An entry read back from storage; parsed when somebody looks. */
export function storedEntry(
  key: string,
  json: string,
  at: { revision: number; createRevision: number },
): Entry {
  return new LazyEntry(key, at.revision, at.createRevision, json);
}
