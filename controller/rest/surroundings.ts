import { LEASE, PLACEMENT } from '../../crds/kinds.ts';
import { nodeNamespace, placementName } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import { isApiError } from '../kit/errors.ts';
import type { Surroundings } from './views/workspace-view.ts';

const absent = (error: unknown): undefined => {
  if (!isApiError(error, 'NotFound')) throw error;
  return undefined;
};

/** The last heartbeat of a node, to the second. */
export async function heartbeatOf(client: Client, node: string): Promise<string | undefined> {
  const lease = await client.get(LEASE, { name: node, namespace: nodeNamespace(node) }).catch(absent);
  return lease?.spec?.renewTime?.replace(/\.\d+Z$/, 'Z');
}

/** What is told of a workspace and is not in it. Read with the facade's own access: it is in the node's namespace. */
export async function surroundingsOf(client: Client, workspace: Workspace): Promise<Surroundings> {
  const { spec, status, metadata } = workspace;
  const { nodeName } = status ?? {};
  if (nodeName === undefined) return { provider: spec.driver ?? '' };
  const [provider, heartbeat] = await Promise.all([
    spec.driver ?? driverOf(client, nodeName, placementName(metadata.name, metadata.namespace ?? '')),
    heartbeatOf(client, nodeName),
  ]);
  return { provider, ...(heartbeat !== undefined && { heartbeat }) };
}

async function driverOf(client: Client, node: string, name: string): Promise<string> {
  const placement = await client.get(PLACEMENT, { name, namespace: nodeNamespace(node) }).catch(absent);
  return placement?.spec.driver ?? '';
}
