import type { Client } from '../../controller/client/client.ts';
import { slept } from '../../controller/kit/abort.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { readGatewayFile, writeGatewayFile } from '../../controller/kit/gateway-file.ts';
import { jsonEqual } from '../../controller/kit/json.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { CONFIG_MAP } from '../../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';

const LOOK_MS = 300_000;

/**
 * Keeps what the agent knows of its gateway as it is published, so that an address or host key can be replaced while
 * agents are connected. What a controller on this machine wrote is that controller's to change.
 */
export async function followGateway(
  { client, folder, clock, log }: { client: Client; folder: string; clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (await slept(clock, LOOK_MS, signal)) {
    try {
      const known = await readGatewayFile(folder);
      if (!known || known.socket) continue;
      const key = { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE };
      const { data = {} } = await client.get(CONFIG_MAP, key, signal);
      const hostKeys = (data.hostKeys ?? '').split('\n').filter(line => line !== '');
      if (!data.address || hostKeys.length === 0) continue;
      // The one that it was told first works from here, whatever others use.
      const addresses = [...new Set([known.addresses[0] ?? data.address, data.address])];
      const now = { ...known, addresses, hostKeys };
      if (jsonEqual(known, now)) continue;
      await writeGatewayFile(folder, now);
      log.info({ addresses }, 'the gateway’s published address or host keys were noted');
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'what is published of the gateway was not read');
    }
  }
}
