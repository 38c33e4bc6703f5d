import { NODE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import { isApiError } from '../kit/errors.ts';

/** Who writes `spec.agentKeys` here. */
const FIELD_MANAGER = 'nexus-join';

export interface Grant {
  nodeName: string;
  /** `ssh-ed25519 AAAA…`, the agent's. */
  publicKey: string;
  /** Of a Node that is not there yet. */
  labels: Record<string, string>;
}

/** The Node of that name, if it is there. */
export async function findNode(client: Client, name: string): Promise<Node | undefined> {
  return client.get(NODE, { name }).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
}

/**
 * Lets an agent be a node: makes the Node, or puts the key in place of the one that an earlier grant had put there.
 * Keys that somebody else wrote stay. `seen` is what the decision to do so was made on: Conflict when it has changed.
 */
export async function grantKey(client: Client, grant: Grant, seen: Node | undefined): Promise<void> {
  const { nodeName, publicKey, labels } = grant;
  if (seen?.spec?.agentKeys?.some(key => isSame(key, publicKey))) return;
  const node: Node = {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Node',
    metadata: {
      name: nodeName,
      ...(seen ? { resourceVersion: seen.metadata.resourceVersion } : { labels }),
    },
    spec: { agentKeys: [publicKey] },
  };
  await client.apply(NODE, node, { fieldManager: FIELD_MANAGER, force: true });
}

const isSame = (a: string, b: string) => a.split(' ').slice(0, 2).join(' ') === b;
