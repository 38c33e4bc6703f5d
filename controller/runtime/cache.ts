import type { KubeObject } from '../../crds/object.ts';
import { formatKey } from '../kit/paths.ts';
import type { Lister } from './reconciler.ts';

type IndexFn<T> = (object: T) => string[];
type Index<T> = { fn: IndexFn<T>; keys: Map<string, Set<string>> };

/** Objects by key, with indexes. What an informer keeps true. */
export class Cache<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #namespaces: Index<T> = { fn: o => [o.metadata.namespace ?? ''], keys: new Map() };

  get size(): number {
    return this.#objects.size;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(formatKey({ name, namespace }));
  }

  list(options: { namespace?: string } = {}): T[] {
    if (options.namespace === undefined) return [...this.#objects.values()];
    return this.#pick(this.#namespaces, options.namespace);
  }

  byIndex(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    if (!found) throw new Error(`no index ${index}: add it with addIndex`);
    return this.#pick(found, value);
  }

  /** Throws when the name is taken by another function. */
  addIndex(name: string, fn: IndexFn<T>): void {
    const present = this.#indexes.get(name);
    if (present?.fn === fn) return;
    if (present) throw new Error(`index ${name} is there already`);
    const index: Index<T> = { fn, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) link(index, key, object);
  }

  /** Puts an object in; returns what was there. */
  set(object: T): T | undefined {
    const key = formatKey(object.metadata);
    const old = this.#objects.get(key);
    if (old) this.#each(index => unlink(index, key, old));
    this.#objects.set(key, object);
    this.#each(index => link(index, key, object));
    return old;
  }

  /** Takes an object out; returns it. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    this.#each(index => unlink(index, key, old));
    this.#objects.delete(key);
    return old;
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  #each(fn: (index: Index<T>) => void): void {
    fn(this.#namespaces);
    for (const index of this.#indexes.values()) fn(index);
  }

  #pick(index: Index<T>, value: string): T[] {
    const out: T[] = [];
    for (const key of index.keys.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object) out.push(object);
    }
    return out;
  }
}

function link<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.fn(object)) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function unlink<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.fn(object)) {
    const keys = index.keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keys.delete(value);
  }
}
