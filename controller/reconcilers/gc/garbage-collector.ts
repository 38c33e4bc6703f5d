import type { KubeObject, OwnerReference } from '../../../crds/object.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import type { ControllerWatch } from '../../runtime/controller.ts';
import { hasFinalizer, removeFinalizer } from '../../runtime/finalizers.ts';
import { done, type Outcome, type Reconciler } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';
import type { Kind, KindSet } from './kind-set.ts';
import { type GraphNode, type OwnerGraph, ownersOf } from './owner-graph.ts';

/** Set by the server on a delete that waits for dependents, or leaves them. */
const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
const SEPARATOR = '|';

/** An object of any kind as a key: the kind's id goes before the name. */
export function gcKey({ kind, object }: GraphNode): ObjectKey {
  const { name, namespace } = object.metadata;
  return { name: `${kind.id}${SEPARATOR}${name}`, ...(namespace && { namespace }) };
}

type Verdict = 'solid' | 'absent' | 'waiting' | 'unknown';

/**
 * Deletes what no owner is left for, with Kubernetes' rules: an owner counts by its uid; a namespaced owner must be in
 * the object's own namespace, else it is absent; an object in cluster scope that names a namespaced kind, and an owner
 * of a kind that is not served, keep the object. Foreground deletion waits for dependents that block it; orphaning
 * takes the owner out of them first.
 */
export function createGarbageCollector(client: Client, kinds: KindSet, graph: OwnerGraph): Reconciler {
  const write = (signal: AbortSignal) => ({ fieldManager: FIELD_MANAGER, signal });

  async function judge(
    { kind, object }: GraphNode,
    owner: OwnerReference,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const ownerKind = kinds.find(owner.apiVersion, owner.kind);
    if (!ownerKind) return 'unknown';
    const { namespace } = object.metadata;
    if (!kind.resource.namespaced && ownerKind.resource.namespaced) return 'unknown';
    const key = { name: owner.name, ...(ownerKind.resource.namespaced && { namespace }) };
    const known = graph.get(owner.uid);
    if (known && known.kind.id === ownerKind.id && isAt(known.object, key)) {
      const isGoing = known.object.metadata.deletionTimestamp && hasFinalizer(known.object, FOREGROUND);
      return isGoing ? 'waiting' : 'solid';
    }
    if (graph.isGone(owner.uid)) return 'absent';
    try {
      const live = await client.get(ownerKind.resource, key, signal);
      return live.metadata.uid === owner.uid ? 'solid' : 'absent';
    } catch (error) {
      if (isApiError(error, 'NotFound')) return 'absent';
      throw error;
    }
  }

  async function remove(
    { kind, object }: GraphNode,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
    signal: AbortSignal,
  ): Promise<void> {
    const preconditions = { uid: object.metadata.uid };
    try {
      await client.delete(kind.resource, keyOf(object), { propagationPolicy, preconditions, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  /** Takes owners out of an object. Throws Conflict when it has changed. */
  async function disown(node: GraphNode, uids: Set<string>, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion } = node.object.metadata;
    const ownerReferences = ownersOf(node.object).filter(owner => !uids.has(owner.uid));
    const body = { metadata: { uid, resourceVersion, ownerReferences } };
    try {
      await client.patch(node.kind.resource, keyOf(node.object), 'merge', body, write(signal));
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  async function release(node: GraphNode, finalizer: string, signal: AbortSignal): Promise<Outcome> {
    await removeFinalizer(client, node.kind.resource, node.object, finalizer, write(signal));
    return done;
  }

  async function finishDeletion(node: GraphNode, signal: AbortSignal): Promise<Outcome | undefined> {
    const { uid = '', namespace } = node.object.metadata;
    // Whoever names it as an owner from another namespace has no say in its end.
    const dependents = graph
      .dependents(uid)
      .filter(({ object }) => namespace === undefined || object.metadata.namespace === namespace);
    if (hasFinalizer(node.object, ORPHAN)) {
      for (const dependent of dependents) await disown(dependent, new Set([uid]), signal);
      return release(node, ORPHAN, signal);
    }
    if (!hasFinalizer(node.object, FOREGROUND)) return undefined;
    for (const dependent of dependents)
      if (!dependent.object.metadata.deletionTimestamp) await remove(dependent, 'Foreground', signal);
    const blocking = dependents.filter(({ object }) =>
      ownersOf(object).some(owner => owner.uid === uid && owner.blockOwnerDeletion),
    );
    if (blocking.length > 0) return { kind: 'waiting', reason: 'Dependents' };
    return release(node, FOREGROUND, signal);
  }

  async function collect(node: GraphNode, signal: AbortSignal): Promise<Outcome> {
    const owners = ownersOf(node.object);
    if (owners.length === 0 || node.object.metadata.deletionTimestamp) return done;
    const verdicts = await Promise.all(owners.map(owner => judge(node, owner, signal)));
    const absent = new Set(owners.filter((_, i) => verdicts[i] === 'absent').map(owner => owner.uid));
    if (verdicts.some(verdict => verdict === 'solid' || verdict === 'unknown')) {
      if (absent.size > 0 && verdicts.includes('solid')) await disown(node, absent, signal);
      return done;
    }
    if (verdicts.includes('waiting')) await remove(node, 'Foreground', signal);
    else await remove(node, hasFinalizer(node.object, ORPHAN) ? 'Orphan' : 'Background', signal);
    return done;
  }

  return {
    name: 'garbage-collector',
    async reconcile(key, { signal }) {
      const cut = key.name.indexOf(SEPARATOR);
      const kind = kinds.get(key.name.slice(0, cut));
      const object = kind?.informer.get(key.name.slice(cut + 1), key.namespace);
      if (!kind || !object) return done;
      const node = { kind, object };
      return (
        (object.metadata.deletionTimestamp && (await finishDeletion(node, signal))) || collect(node, signal)
      );
    },
  };
}

/** What the collector must look at: everything once, then what changes give reason to. */
export function watchOwners(kinds: KindSet, graph: OwnerGraph): ControllerWatch {
  const needsLook = ({ metadata, ...rest }: KubeObject) => {
    if (metadata.deletionTimestamp)
      return Boolean(metadata.finalizers?.some(f => f === FOREGROUND || f === ORPHAN));
    return ownersOf({ metadata, ...rest }).some(({ uid }) => {
      const owner = graph.get(uid)?.object;
      return !owner || owner.metadata.namespace !== (owner.metadata.namespace && metadata.namespace);
    });
  };
  return {
    synced: kinds.ready,
    subscribe(enqueue) {
      const look = (node: GraphNode) => needsLook(node.object) && enqueue(gcKey(node));
      const lookAtAll = () => {
        for (const node of graph.nodes()) look(node);
      };
      lookAtAll();
      // An owner of a kind that was not known may be judged now.
      const offKind = kinds.onKind(lookAtAll);
      const offChange = kinds.onChange((kind: Kind, { old, now }) => {
        if (now) look({ kind, object: now });
        if (now || !old?.metadata.uid) return;
        for (const dependent of graph.dependents(old.metadata.uid)) enqueue(gcKey(dependent));
        for (const { uid } of ownersOf(old)) {
          const owner = graph.get(uid);
          if (owner?.object.metadata.deletionTimestamp) enqueue(gcKey(owner));
        }
      });
      return () => {
        offKind();
        offChange();
      };
    },
  };
}

function isAt(object: KubeObject, key: ObjectKey): boolean {
  return object.metadata.name === key.name && object.metadata.namespace === key.namespace;
}
