import { NODE_NAMESPACE_PREFIX } from '../../../crds/names.ts';
import type { Lease } from '../../../crds/object.ts';
import type { Node } from '../../../crds/types.generated.ts';
import { getCondition } from '../../runtime/conditions.ts';
import type { ControllerWatch } from '../../runtime/controller.ts';
import type { Informer, Lister } from '../../runtime/reconciler.ts';
import type { Heartbeats } from './heartbeats.ts';

/**
 * Leases of agents as keys of their nodes. A renewal of a node that is Ready is only noted: the pass that is due when the
 * one before it runs out finds it, and nothing else is done for it.
 */
export function watchLeases(
  leases: Informer<Lease>,
  nodes: Lister<Node>,
  heartbeats: Heartbeats,
): ControllerWatch {
  const isReady = (name: string) =>
    getCondition(nodes.get(name)?.status?.conditions, 'Ready')?.status === 'True';
  return {
    synced: leases.synced,
    subscribe(enqueue) {
      for (const lease of leases.list()) if (isOfNode(lease)) enqueue({ name: lease.metadata.name });
      return leases.onChange(({ old, now }) => {
        const lease = now ?? old;
        if (!lease || !isOfNode(lease)) return;
        const { name } = lease.metadata;
        const isNoted = now !== undefined && heartbeats.renew(name, now);
        if (!isNoted || !isReady(name)) enqueue({ name });
      });
    },
  };
}

/** It has the node's name, in the node's namespace. */
function isOfNode({ metadata: { name, namespace } }: Lease): boolean {
  return namespace === `${NODE_NAMESPACE_PREFIX}${name}`;
}
