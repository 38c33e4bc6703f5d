import type { KubeObject, OwnerReference } from '../../../crds/object.ts';
import type { Kind, KindSet } from './kind-set.ts';

/** Most objects of which it is remembered that they were seen to go. */
const MAX_GONE = 10_000;

export interface GraphNode {
  kind: Kind;
  object: KubeObject;
}

export const ownersOf = (object: KubeObject): OwnerReference[] => object.metadata.ownerReferences ?? [];

/** Who owns whom, by uid, kept as objects change. */
export class OwnerGraph {
  readonly #byUid = new Map<string, GraphNode>();
  /** uid of the owner → uids of what names it. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #gone = new Set<string>();

  constructor(kinds: KindSet) {
    kinds.onChange((kind, change) => this.#observe(kind, change));
  }

  get(uid: string): GraphNode | undefined {
    return this.#byUid.get(uid);
  }

  nodes(): IterableIterator<GraphNode> {
    return this.#byUid.values();
  }

  dependents(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap(dependent => this.#byUid.get(dependent) ?? []);
  }

  /** Whether the object was seen to be deleted. */
  isGone(uid: string): boolean {
    return this.#gone.has(uid);
  }

  #observe(kind: Kind, { old, now }: { old?: KubeObject; now?: KubeObject }): void {
    if (old?.metadata.uid) {
      const { uid } = old.metadata;
      for (const owner of ownersOf(old)) {
        const dependents = this.#dependents.get(owner.uid);
        dependents?.delete(uid);
        if (dependents?.size === 0) this.#dependents.delete(owner.uid);
      }
      if (now?.metadata.uid !== uid) this.#forget(uid);
    }
    if (!now?.metadata.uid) return;
    const { uid } = now.metadata;
    this.#byUid.set(uid, { kind, object: now });
    for (const owner of ownersOf(now)) {
      const dependents = this.#dependents.get(owner.uid);
      if (dependents) dependents.add(uid);
      else this.#dependents.set(owner.uid, new Set([uid]));
    }
  }

  #forget(uid: string): void {
    this.#byUid.delete(uid);
    this.#gone.add(uid);
    if (this.#gone.size <= MAX_GONE) return;
    const [oldest] = this.#gone;
    if (oldest !== undefined) this.#gone.delete(oldest);
  }
}
