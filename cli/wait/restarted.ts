import type { Client } from '../../controller/client/client.ts';
import { PLACEMENT, WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT, nodeNamespace } from '../../crds/names.ts';
import type { Placement, Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { followObject } from './follow.ts';

/** Where a workspace's placement is; undefined: it is on no node. */
function placementKey({ status }: Workspace): { name: string; namespace: string } | undefined {
  const { nodeName, placementName } = status ?? {};
  return nodeName && placementName ? { name: placementName, namespace: nodeNamespace(nodeName) } : undefined;
}

/** When a workspace's container was started, as its node says; undefined: nobody knows. */
export async function containerStart(
  client: Client,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = placementKey(workspace);
  if (!key) return undefined;
  const placement = await client.get(PLACEMENT, key, signal).catch(() => undefined);
  return placement?.status?.container?.startedAt;
}

/**
 * Whether the restart that `mark` asks for was carried out: the placement carries the mark, its node has looked at it,
 * and its container was started since. Starts are told to the second, so that one within the mark's second counts.
 */
export function wasRestarted(placement: Placement, mark: string, before: string | undefined): boolean {
  const { metadata, spec, status } = placement;
  const startedAt = status?.container?.startedAt;
  if (spec.restartedAt !== mark || !startedAt) return false;
  if (status?.observedGeneration !== metadata.generation) return false;
  return startedAt !== before || Date.parse(startedAt) >= Math.floor(Date.parse(mark) / 1000) * 1000;
}

/** Resolves once the container was started anew and login works again; false: the signal was aborted, or it is gone. */
export async function untilRestarted(
  client: Client,
  workspace: Workspace,
  before: string | undefined,
  options: Pick<CommandContext, 'signal' | 'clock'>,
): Promise<boolean> {
  const mark = workspace.metadata.annotations?.[ANNOTATION_RESTARTED_AT];
  const { name, namespace } = workspace.metadata;
  // One that is on no node yet is restarted by being started.
  for await (const now of followObject(client, WORKSPACE, { name, namespace }, options)) {
    if (!now || now.metadata.annotations?.[ANNOTATION_RESTARTED_AT] !== mark) return false;
    const key = placementKey(now);
    if (!key || mark === undefined) continue;
    for await (const placement of followObject(client, PLACEMENT, key, options)) {
      if (!placement) break;
      if (wasRestarted(placement, mark, before)) return true;
    }
  }
  return false;
}
