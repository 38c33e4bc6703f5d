import type { Duplex } from 'node:stream';
import type { Arrival } from './arrivals.ts';

/** ssh2 grants 2 MiB a channel; what a packet of the greatest size adds to that is not held against anybody. */
const MAX_UNREAD_BYTES = 2 * 1024 * 1024 + 64 * 1024;

/**
 * Cuts a connection whose peer sends more than it was granted: ssh2 keeps whatever comes, so that a stuck channel could
 * otherwise fill the memory of everybody.
 */
export class WindowGuard {
  readonly #channels = new Set<Duplex>();

  constructor({ socket }: Arrival, onExceeded: () => void) {
    socket.on('data', () => {
      for (const channel of this.#channels) {
        if (channel.readableLength <= MAX_UNREAD_BYTES) continue;
        onExceeded();
        socket.destroy();
        return;
      }
    });
  }

  watch(channel: Duplex): void {
    this.#channels.add(channel);
    channel.once('close', () => this.#channels.delete(channel));
  }
}
