import type { Client } from '../../controller/client/client.ts';
import { slept } from '../../controller/kit/abort.ts';
import { type Clock, type Milliseconds, microTimestamp } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { LEASE } from '../../crds/kinds.ts';
import type { Lease } from '../../crds/object.ts';

export interface NodeLeaseOptions {
  client: Client;
  nodeName: string;
  namespace: string;
  clock: Clock;
  log: Logger;
  /** Defaults to 10 s. */
  renewMs?: Milliseconds;
  /** Defaults to 40. */
  durationSeconds?: number;
}

/** Says every ten seconds that somebody looks after the node. Left to expire when the agent stops. */
export async function keepNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  const renewMs = options.renewMs ?? 10_000;
  let isLost = false;
  while (!signal.aborted) {
    let waitMs = renewMs;
    try {
      await renew(options, signal);
      if (isLost) log.info({}, 'the server is reached again');
      isLost = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isLost) log.warn({ err: error }, 'the lease of the node was not renewed; it is tried again');
      isLost = true;
      waitMs = Math.min(2_000, renewMs);
    }
    await slept(clock, waitMs, signal);
  }
}

async function renew(
  { client, nodeName, namespace, clock, durationSeconds = 40 }: NodeLeaseOptions,
  signal: AbortSignal,
) {
  const now = microTimestamp(clock.now());
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: durationSeconds, renewTime: now };
  const key = { namespace, name: nodeName };
  try {
    await client.patch(LEASE, key, 'merge', { spec }, { signal });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: nodeName, namespace },
      spec: { ...spec, acquireTime: now, leaseTransitions: 0 },
    };
    await client.create(LEASE, lease, { signal });
  }
}
