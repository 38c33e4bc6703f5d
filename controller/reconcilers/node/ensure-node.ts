import { apiVersionOf, NAMESPACE, NODE } from '../../../crds/kinds.ts';
import { ANNOTATION_LOCAL_NODE, LABEL_NODE, nodeNamespace } from '../../../crds/names.ts';
import type { Namespace } from '../../../crds/object.ts';
import type { Node } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { FIELD_MANAGER, type LocalNode } from '../deps.ts';
import { keepPolicy, readPolicy } from '../keep-policy.ts';
import { nodeRights } from './node-rights.ts';

/**
 * A Node with its namespace and its agent's rights, there when it resolves: so that an agent finds them at its first
 * look. What is there stays as it is. Throws when the node or its namespace is being deleted.
 */
export async function ensureNode(client: Client, local: LocalNode, signal?: AbortSignal): Promise<Node> {
  const { name } = local;
  // In this order: a namespace of no node would be removed.
  const node = await makeNode(client, local, signal);
  await makeNodeNamespace(client, name, signal);
  await Promise.all(
    nodeRights(node).map(async wanted =>
      keepPolicy(client, wanted, await readPolicy(client, wanted, signal), signal),
    ),
  );
  return node;
}

async function makeNode(
  client: Client,
  { name, labels, agentKeys }: LocalNode,
  signal?: AbortSignal,
): Promise<Node> {
  const wanted: Node = {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Node',
    metadata: { name, annotations: { [ANNOTATION_LOCAL_NODE]: 'true' }, ...(labels && { labels }) },
    spec: { ...(agentKeys && { agentKeys }) },
  };
  try {
    return await client.create(NODE, wanted, { fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    return client.get(NODE, { name }, signal);
  }
}

export async function makeNodeNamespace(client: Client, node: string, signal?: AbortSignal): Promise<void> {
  const wanted: Namespace = {
    apiVersion: apiVersionOf(NAMESPACE),
    kind: NAMESPACE.kind,
    metadata: { name: nodeNamespace(node), labels: { [LABEL_NODE]: node } },
  };
  await client.create(NAMESPACE, wanted, { fieldManager: FIELD_MANAGER, signal }).catch(error => {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  });
}
