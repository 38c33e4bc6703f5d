import type { Node } from '../../../crds/types.generated.ts';
import { getCondition } from '../../runtime/conditions.ts';
import type { DriverName, Problem } from './requests.ts';

/**
 * Why nobody can say how the workspaces of a node are; undefined when its agent is heard and the driver answers.
 * Decided from what the node reconciler wrote, so that one place judges the lease.
 */
export function findSilence(
  node: Node | undefined,
  nodeName: string,
  driver: DriverName,
): Problem | undefined {
  if (!node)
    return {
      reason: 'NodeUnreachable',
      message:
        `Node ${nodeName} is not known any more. Start its agent again, or delete the workspace ` +
        'with --force to forget what is left there.',
    };
  const ready = getCondition(node.status?.conditions, 'Ready');
  if (ready && ready.status !== 'True' && ready.reason !== 'DriverUnavailable')
    return {
      reason: 'NodeUnreachable',
      message:
        `The agent of node ${nodeName} is silent, so nobody knows how the workspace is; it was not touched. ` +
        'Start the agent on that machine, or delete the workspace with --force to forget what is left there.',
    };
  const engine = node.status?.drivers?.find(candidate => candidate.name === driver);
  if (engine?.ready !== false) return undefined;
  return {
    reason: 'DriverUnavailable',
    message: `The ${driver} engine of node ${nodeName} does not answer. Start it on that machine; the workspace goes on by itself.`,
  };
}

/** Since when the agent of a node is not heard, in milliseconds since the epoch; undefined when it is, or nobody knows. */
export function silentSince(node: Node): number | undefined {
  const ready = getCondition(node.status?.conditions, 'Ready');
  if (!ready || ready.status === 'True' || ready.reason === 'DriverUnavailable') return undefined;
  return Date.parse(ready.lastTransitionTime);
}
