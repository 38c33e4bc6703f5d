import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../controller/kit/clock.ts';

/** How the node gets to a port of an instance. */
export interface Reach {
  /** The instance's own address, where the node reaches it. */
  address?: string;
  /** Through its sshd, to its loopback. */
  tunnel?: (port: number) => Promise<Duplex>;
}

const DIRECT_TIMEOUT_MS = 1_000;
const KEEPALIVE_MS = 30_000;

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

/** A socket to an address; rejects when nobody answers there within a second. */
export function dialAddress({ host, port }: { host: string; port: number }, clock: Clock): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const cancel = clock.after(DIRECT_TIMEOUT_MS, () =>
      socket.destroy(new Error(`${host}:${port} timed out`)),
    );
    const onError = (error: Error) => {
      cancel();
      reject(error);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      cancel();
      socket.off('error', onError);
      socket.setKeepAlive(true, KEEPALIVE_MS);
      resolve(socket);
    });
  });
}
