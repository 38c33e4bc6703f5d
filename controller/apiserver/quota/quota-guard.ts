import { RESOURCE_QUOTA } from '../../../crds/kinds.ts';
import type { ResourceQuota } from '../../../crds/object.ts';
import type { Store } from '../../store/store.ts';
import { forbidden } from '../refusals.ts';
import { keyOf, prefixOf, type ServedResource } from '../registry/served-resource.ts';
import { boundsOn } from './counted.ts';

const NOTHING = () => {};

/** Holds creates to the quotas of their namespace. Objects that are on their way to the store count as if they were there. */
export class QuotaGuard {
  readonly #store: Store;
  /** Keys on their way, by their prefix. */
  readonly #pending = new Map<string, Set<string>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Counts an object that is about to be created, until what is returned is called: when it is stored, or is not.
   * Throws Forbidden when there are as many already as a quota allows.
   */
  reserve({ resource }: ServedResource, namespace: string, name: string): () => void {
    const quotas = prefixOf(RESOURCE_QUOTA, namespace);
    if (!resource.namespaced || this.#store.count(quotas) === 0) return NOTHING;
    const key = keyOf(resource, namespace, name);
    const prefix = prefixOf(resource, namespace);
    const pending = this.#pending.get(prefix) ?? new Set();
    const used = this.#store.count(prefix) + [...pending].filter(one => !this.#store.get(one)).length;
    for (const { object } of this.#store.list(quotas).entries) {
      const exceeded = boundsOn(object as ResourceQuota, resource).filter(({ hard }) => BigInt(used) >= hard);
      if (exceeded.length === 0) continue;
      const each = (value: (bound: (typeof exceeded)[0]) => unknown) =>
        exceeded.map(bound => `${bound.name}=${value(bound)}`).join(',');
      throw forbidden(
        resource,
        name,
        `exceeded quota: ${object.metadata.name}, requested: ${each(() => 1)}, used: ${each(() => used)}, limited: ${each(bound => bound.text)}`,
      );
    }
    this.#pending.set(prefix, pending.add(key));
    return () => {
      pending.delete(key);
      if (pending.size === 0) this.#pending.delete(prefix);
    };
  }
}
