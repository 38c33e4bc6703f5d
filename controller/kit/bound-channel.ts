import type { Duplex } from 'node:stream';
import type { Channel } from 'ssh2';

/** Of what waits in a channel, each way. ssh2's own is 2 MiB. */
const BUFFER_BYTES = 256 * 1024;
/** What ssh2 grants a peer at once, and cannot take back. */
const GRANT_BYTES = 2 * 1024 * 1024;
const PACKET_BYTES = 64 * 1024;
/** More than this can be unread only in a channel whose peer sends more than it was granted. */
const MAX_UNREAD_BYTES = BUFFER_BYTES + GRANT_BYTES + PACKET_BYTES;

/**
 * Bounds what a channel that nobody reads, or whose peer reads nothing, holds in memory, to some 2.3 MiB in and 256 KiB
 * out. Calls `onExceeded` when the peer sends more than it was granted: ssh2 keeps whatever comes.
 */
export function boundChannel(channel: Channel, onExceeded: () => void): void {
  const { _readableState: reads, _writableState: writes } = channel as unknown as Internals;
  reads.highWaterMark = BUFFER_BYTES;
  writes.highWaterMark = BUFFER_BYTES;
  const { push } = channel;
  channel.push = (chunk, encoding) => {
    const hasRoom = push.call(channel, chunk, encoding);
    if (channel.readableLength > MAX_UNREAD_BYTES) onExceeded();
    return hasRoom;
  };
}

/** Node has no other way to change these of a stream that is there. */
interface Internals {
  _readableState: { highWaterMark: number };
  _writableState: { highWaterMark: number };
}

/** Destroys a stream that may be a channel: one with something unread would else keep it, and never say `close`. */
export function discard(stream: Duplex): void {
  stream.removeAllListeners('data');
  stream.resume();
  stream.destroy();
}
