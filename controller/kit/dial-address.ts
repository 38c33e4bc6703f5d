import { connect, type Socket } from 'node:net';
import { batchWrites } from './batch-writes.ts';
import type { Clock } from './clock.ts';

export interface Address {
  host: string;
  port: number;
}

const TIMEOUT_MS = 1_000;
const KEEPALIVE_MS = 30_000;

/** A socket to an address; rejects when nobody answers there within a second. */
export function dialAddress({ host, port }: Address, clock: Clock): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const cancel = clock.after(TIMEOUT_MS, () => socket.destroy(new Error(`${host}:${port} timed out`)));
    const onError = (error: Error) => {
      cancel();
      reject(error);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      cancel();
      socket.off('error', onError);
      socket.setKeepAlive(true, KEEPALIVE_MS);
      batchWrites(socket);
      resolve(socket);
    });
  });
}

/** A socket to the first of some addresses that answers. Rejects with the last reason. */
export async function dialFirst(addresses: readonly Address[], clock: Clock): Promise<Socket> {
  let last: unknown = new Error('no address');
  for (const address of addresses) {
    try {
      return await dialAddress(address, clock);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
