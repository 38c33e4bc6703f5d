import type { Node, Workspace } from '../../../crds/types.generated.ts';
import { formatKey } from '../../kit/paths.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import { isReady } from '../workspace/schedule.ts';

export interface DrainProgress {
  /** How many are to be moved or stopped and are not yet. */
  due: number;
  moving: readonly Workspace[];
  stopping: readonly Workspace[];
  /** Stopped until the drain ends. */
  held: readonly Workspace[];
  /** Of those that are due: what no other node can take. */
  blocked: { workspace: Workspace; why: string }[];
}

/** Most workspaces that a message names of each sort. */
const MAX_NAMED = 3;

/** How far the drain of a node is, and what it waits for. Pure. */
export function drainedCondition(
  node: Node,
  { due, moving, stopping, held, blocked }: DrainProgress,
): NewCondition {
  const { generation, name } = node.metadata;
  const says = (reason: 'Drained' | 'Draining' | 'WaitingForRoom', message: string): NewCondition => ({
    type: 'Drained',
    status: reason === 'Drained' ? 'True' : 'False',
    reason,
    message,
    ...(generation !== undefined && { observedGeneration: generation }),
  });
  const left = due + moving.length + stopping.length;
  if (left === 0 && held.length === 0) return says('Drained', 'Nothing runs here.');
  if (left === 0)
    return says(
      'Drained',
      `Nothing runs here. ${names(held)} may not be moved and ${held.length === 1 ? 'is' : 'are'} stopped until ` +
        `"nexus node uncordon ${name}".`,
    );
  const [first] = blocked;
  const failed = moving.filter(({ status }) => status?.phase === 'Failed');
  const parts = [
    moving.length > 0 && `${names(moving)} being moved`,
    failed.length > 0 && `${names(failed)} failed on the new node: put it right, stop it or delete it`,
    stopping.length > 0 && `${names(stopping)} being stopped`,
    first && `${names(blocked.map(({ workspace }) => workspace))} waiting for room elsewhere (${first.why})`,
  ].filter(part => part !== false && part !== undefined);
  const detail = parts.length > 0 ? `: ${parts.join('; ')}` : '';
  const silent = isReady(node) ? '' : ' The node is not ready, so what is to be stopped there has to wait.';
  const isStuck = blocked.length > 0 && blocked.length === left;
  return says(
    isStuck ? 'WaitingForRoom' : 'Draining',
    `${left} ${left === 1 ? 'workspace is' : 'workspaces are'} left${detail}.${silent}`,
  );
}

function names(workspaces: readonly Workspace[]): string {
  const named = workspaces
    .slice(0, MAX_NAMED)
    .map(({ metadata }) => formatKey(metadata))
    .join(', ');
  const more = workspaces.length - MAX_NAMED;
  return more > 0 ? `${named} and ${more} more` : named;
}
