import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import { discard } from './bound-channel.ts';
import { markLone, release } from './lone-buffers.ts';
import type { SocketBacklog } from './socket-backlog.ts';

export interface SpliceOptions {
  /** What the connection under `a`, or `b`, has not sent yet; several streams share it. Without it each end counts alone. */
  backlogs?: { a?: SocketBacklog; b?: SocketBacklog };
  /** Told of every chunk: `toB` for those from `a`. */
  onBytes?: (direction: 'toA' | 'toB', bytes: number) => void;
  /** One of the two directions has to wait for its reader, or flows again. */
  onWait?: (isWaiting: boolean) => void;
}

/**
 * Joins two streams both ways until both have ended, with back-pressure, and half-close passed on: the end of one
 * direction leaves the other open. A stream that breaks ends the other at once. Both must be made with allowHalfOpen.
 */
export function splice(a: Duplex, b: Duplex, { backlogs, onBytes, onWait }: SpliceOptions = {}): void {
  let isHalfOver = false;
  const onEnd = (from: Duplex, to: Duplex) => {
    endWrites(to, isHalfOver);
    // A channel of which half was ended is to be closed as well.
    if (isHalfOver && isServerChannel(from)) from.end();
    isHalfOver = true;
  };
  join(a, b, { backlog: backlogs?.b, onEnd, onBytes: count => onBytes?.('toB', count), onWait });
  join(b, a, { backlog: backlogs?.a, onEnd, onBytes: count => onBytes?.('toA', count), onWait });
}

interface Way {
  backlog: SocketBacklog | undefined;
  onEnd: (from: Duplex, to: Duplex) => void;
  onBytes: (count: number) => void;
  onWait: ((isWaiting: boolean) => void) | undefined;
}

function join(from: Duplex, to: Duplex, { backlog, onEnd, onBytes, onWait }: Way): void {
  const resume = () => {
    onWait?.(false);
    from.resume();
  };
  from.on('data', (chunk: Buffer) => {
    onBytes(chunk.length);
    // A socket reads each into a buffer of its own, a channel tells by itself.
    if (from instanceof Socket) markLone(chunk);
    const hasRoom = to.write(chunk, () => release(chunk));
    if (hasRoom && !backlog?.isLong) return;
    from.pause();
    onWait?.(true);
    if (hasRoom) backlog?.onceShort(resume);
    else to.once('drain', resume);
  });
  from.once('end', () => onEnd(from, to));
  from.on('error', () => discard(to));
  from.on('close', () => {
    // After a clean end `to` was ended, and may still have bytes to write; anything else is a broken stream.
    if (!from.readableEnded) discard(to);
  });
  from.resume();
}

/** ssh2 closes the whole of a server's channel when its writing half is ended. */
const isServerChannel = (stream: Duplex): stream is ServerChannel =>
  'server' in stream && stream.server === true;

function endWrites(stream: Duplex, isOver: boolean): void {
  if (isOver || !isServerChannel(stream)) stream.end();
  else stream.write(Buffer.alloc(0), () => stream.eof());
}
