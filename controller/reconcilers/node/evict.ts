import { PLACEMENT } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import type { Node } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import { FIELD_MANAGER } from '../deps.ts';
import { BY_FORMER_NODE, type WorkspaceEnvironment } from '../workspace/pass.ts';
import { whyNoHome } from '../workspace/why-no-home.ts';
import { whyUnplaceable } from '../workspace/why-unplaceable.ts';
import { type Placed, planEvictions } from './plan-evictions.ts';

const AGAIN_MS: Milliseconds = 5_000;

/** How far a drain is, and when to look again if nothing happens. */
export interface Evicted {
  drained?: NewCondition;
  againMs?: Milliseconds;
}

/**
 * Marks the placements whose turn it is to leave a node; the workspaces' own reconciler then stops or moves them. To be
 * called for one node at a time: that is what keeps the budget.
 */
export async function evict(env: WorkspaceEnvironment, node: Node, signal: AbortSignal): Promise<Evicted> {
  const { name } = node.metadata;
  const isTainted = node.spec?.taints?.some(({ effect }) => effect === 'NoExecute');
  if (!node.spec?.drain && !isTainted) return {};
  const placed = env.placements.list({ namespace: nodeNamespace(name) }).flatMap((seen): Placed[] => {
    const placement = env.own.placements.get(keyOf(seen));
    const workspace = placement && env.own.workspaces.get(placement.spec.workspace);
    const isOf = workspace && workspace.metadata.uid === placement.spec.workspace.uid;
    return isOf && !workspace.metadata.deletionTimestamp ? [{ placement, workspace }] : [];
  });
  const plan = planEvictions({
    node,
    placed,
    leaving: env.workspaces.byIndex(BY_FORMER_NODE, name),
    whyNoHome: workspace => whyUnplaceable(env, workspace) ?? whyNoHome(env, workspace)?.message,
  });
  for (const { placement, by } of plan.evict) {
    const { uid } = placement.metadata;
    const body = { metadata: { uid }, spec: { running: false, evictedBy: by } };
    try {
      const options = { fieldManager: FIELD_MANAGER, signal };
      const written = await env.client.patch(PLACEMENT, keyOf(placement), 'merge', body, options);
      env.own.placements.wrote(placement, written);
    } catch (error) {
      // Gone, or made anew: it is looked at again.
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }
  return {
    ...(plan.drained && { drained: plan.drained }),
    ...(plan.isWaiting && { againMs: AGAIN_MS }),
  };
}
