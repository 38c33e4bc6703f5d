import type { Node, WorkspaceSpec } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';

export type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];
type Toleration = NonNullable<WorkspaceSpec['tolerations']>[number];

/** As in Kubernetes: an empty effect or key matches every one; Exists asks for no value. */
export function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (operator === 'Exists') return !key || key === taint.key;
  return key === taint.key && (value ?? '') === (taint.value ?? '');
}

/**
 * For how long a workspace stays where there is such a taint: 0 when it does not tolerate it, Infinity for good. The first
 * toleration that matches counts, as in Kubernetes; only with effect NoExecute has it a limit.
 */
export function toleranceMs(taint: Taint, tolerations: readonly Toleration[] = []): Milliseconds {
  const toleration = tolerations.find(one => tolerates(one, taint));
  if (!toleration) return 0;
  if (taint.effect !== 'NoExecute' || toleration.tolerationSeconds === undefined)
    return Number.POSITIVE_INFINITY;
  return Math.max(0, toleration.tolerationSeconds) * 1000;
}

/** Taints of the node that drive away what runs there. */
export function noExecuteTaints(node: Node | undefined): Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

/** For how long the workspace stays on the node, from when the least tolerated of its NoExecute taints is there. */
export function leastToleranceMs({ tolerations }: WorkspaceSpec, node: Node | undefined): Milliseconds {
  return Math.min(...noExecuteTaints(node).map(taint => toleranceMs(taint, tolerations)));
}
