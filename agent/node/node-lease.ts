import type { Client } from '../../controller/client/client.ts';
import { slept } from '../../controller/kit/abort.ts';
import { type Clock, type Milliseconds, microTimestamp } from '../../controller/kit/clock.ts';
import { ApiError, isApiError } from '../../controller/kit/errors.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { LEASE } from '../../crds/kinds.ts';
import type { Lease } from '../../crds/object.ts';

export interface NodeLeaseOptions {
  client: Client;
  nodeName: string;
  namespace: string;
  clock: Clock;
  log: Logger;
  heartbeatMs: Milliseconds;
  /** For how long after a heartbeat the node may run what may be moved: what the controller waits for at least. */
  fenceMs: Milliseconds;
  /** A heartbeat was acknowledged, that was sent at this uptime. One that throws is tried again soon. */
  onRenewed(sentAt: Milliseconds, signal: AbortSignal): Promise<void>;
}

/** Says again and again that somebody looks after the node. Left to expire when the agent stops. */
export async function keepNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, heartbeatMs } = options;
  let isLost = false;
  while (!signal.aborted) {
    let waitMs = heartbeatMs;
    // A connection that died without a word would keep it waiting longer than the controller waits.
    const attempt = new AbortController();
    const cancel = clock.after(heartbeatMs, () =>
      attempt.abort(new ApiError('Unreachable', `no answer within ${heartbeatMs / 1000} s`)),
    );
    try {
      const sentAt = clock.uptime();
      const limited = AbortSignal.any([signal, attempt.signal]);
      await renew(options, limited);
      await options.onRenewed(sentAt, limited);
      if (isLost) log.info({}, 'the server is reached again');
      isLost = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isLost) log.warn({ err: error }, 'the lease of the node was not renewed; it is tried again');
      isLost = true;
      waitMs = Math.min(2_000, heartbeatMs / 2);
    } finally {
      cancel();
    }
    await slept(clock, waitMs, signal);
  }
}

async function renew({ client, nodeName, namespace, clock, fenceMs }: NodeLeaseOptions, signal: AbortSignal) {
  const now = microTimestamp(clock.now());
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: Math.ceil(fenceMs / 1000), renewTime: now };
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
