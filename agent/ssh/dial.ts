import type { Duplex } from 'node:stream';
import type { Clock } from '../../controller/kit/clock.ts';
import { dialAddress } from '../../controller/kit/dial-address.ts';

/** How the node gets to a port of an instance. */
export interface Reach {
  /** The instance's own address, where the node reaches it. */
  address?: string;
  /** Through its sshd, to its loopback. */
  tunnel?: (port: number) => Promise<Duplex>;
}

/**
 * A stream to a port of an instance: straight to its address where somebody listens there, else through the tunnel,
 * which also reaches what listens on its loopback alone. Rejects with the last reason.
 */
export async function dialPort(reach: Reach, port: number, clock: Clock): Promise<Duplex> {
  let reason: unknown = new Error('the workspace is not reached yet');
  if (reach.address) {
    try {
      return await dialAddress({ host: reach.address, port }, clock);
    } catch (error) {
      reason = error;
    }
  }
  if (!reach.tunnel) throw reason;
  return reach.tunnel(port);
}
