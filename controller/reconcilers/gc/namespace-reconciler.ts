import type { KubeObject, Namespace } from '../../../crds/object.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import { type ControllerWatch, watch } from '../../runtime/controller.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';
import type { Kind, KindSet } from './kind-set.ts';

/** What holds a namespace until it is empty. In spec.finalizers, and removed through /finalize alone. */
const FINALIZER = 'kubernetes';
/** Deletes on their way at once. */
const PARALLEL = 8;
const RECHECK_MS = 5_000;

/** A namespace that is being deleted takes everything in it along, whatever its kind, and goes when it is empty. */
export function createNamespaceReconciler(
  client: Client,
  namespaces: Informer<Namespace>,
  kinds: KindSet,
): Reconciler {
  async function remove(kind: Kind, object: KubeObject, signal: AbortSignal): Promise<void> {
    const { uid } = object.metadata;
    try {
      await client.delete(kind.resource, keyOf(object), { preconditions: { uid }, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  /** Caches may be behind, and a create may have slipped in before the namespace was closed. */
  async function isEmpty(namespace: string, namespaced: Kind[], signal: AbortSignal): Promise<boolean> {
    for (const { resource } of namespaced) {
      try {
        const { items } = await client.list(resource, { namespace, limit: 1, signal });
        if (items.length > 0) return false;
      } catch (error) {
        // The kind was removed just now.
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    return true;
  }

  return {
    name: 'namespace',
    async reconcile({ name }, { signal }) {
      const namespace = namespaces.get(name);
      if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(FINALIZER))
        return done;
      const namespaced = kinds.all().filter(({ resource }) => resource.namespaced);
      const content = namespaced.flatMap(kind =>
        kind.informer.list({ namespace: name }).map(object => ({ kind, object })),
      );
      const live = content.filter(({ object }) => !object.metadata.deletionTimestamp);
      for (let i = 0; i < live.length; i += PARALLEL)
        await Promise.all(
          live.slice(i, i + PARALLEL).map(({ kind, object }) => remove(kind, object, signal)),
        );
      if (content.length > 0 || !(await isEmpty(name, namespaced, signal)))
        return { kind: 'requeueAfter', ms: RECHECK_MS };
      const finalizers = namespace.spec.finalizers.filter(finalizer => finalizer !== FINALIZER);
      const body = { ...namespace, spec: { ...namespace.spec, finalizers } };
      try {
        await client.raw('PUT', `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, {
          body,
          headers: { 'content-type': 'application/json' },
          signal,
        });
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
      return done;
    },
  };
}

/** Namespaces, and what leaves those that are going. */
export function watchNamespaces(namespaces: Informer<Namespace>, kinds: KindSet): ControllerWatch[] {
  return [
    watch(namespaces, undefined, ({ now }) => now?.metadata.deletionTimestamp !== undefined),
    {
      synced: kinds.ready,
      subscribe: enqueue =>
        kinds.onChange((_, { old, now }) => {
          const name = (now ?? old)?.metadata.namespace;
          if (name && namespaces.get(name)?.metadata.deletionTimestamp) enqueue({ name });
        }),
    },
  ];
}
