import { CONFIG_MAP } from '../../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { Client } from '../client/client.ts';
import { isApiError } from '../kit/errors.ts';

const FIELD_MANAGER = 'nexus-gateway';

export interface Published {
  /** `host:port` at which people and agents reach the gateway. */
  address: string;
  /** `ssh-ed25519 AAAA…`: those that may answer there. */
  hostKeys: string[];
}

/** Tells everybody where the gateway is and who it must be. */
export async function publishGateway(client: Client, { address, hostKeys }: Published): Promise<void> {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE },
    data: { address, hostKeys: `${hostKeys.join('\n')}\n` },
  };
  await client.apply(CONFIG_MAP, object, { fieldManager: FIELD_MANAGER, force: true });
}

/** There is no gateway any more. */
export async function unpublishGateway(client: Client): Promise<void> {
  const key = { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE };
  await client.delete(CONFIG_MAP, key).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
  });
}
