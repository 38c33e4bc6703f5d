import type { Duplex } from 'node:stream';
import type { SocketBacklog } from './socket-backlog.ts';

export interface SpliceOptions {
  /** What the connection under `a`, or `b`, has not sent yet; several streams share it. Without it each end counts alone. */
  backlogs?: { a?: SocketBacklog; b?: SocketBacklog };
  /** Told of every chunk: `toB` for those from `a`. */
  onBytes?: (direction: 'toA' | 'toB', bytes: number) => void;
}

/**
 * Joins two streams both ways until both have ended, with back-pressure, and half-close passed on: the end of one
 * direction leaves the other open. A stream that breaks ends the other at once. Both must be made with allowHalfOpen.
 */
export function splice(a: Duplex, b: Duplex, { backlogs, onBytes }: SpliceOptions = {}): void {
  join(a, b, backlogs?.b, bytes => onBytes?.('toB', bytes));
  join(b, a, backlogs?.a, bytes => onBytes?.('toA', bytes));
}

function join(
  from: Duplex,
  to: Duplex,
  backlog: SocketBacklog | undefined,
  onBytes: (n: number) => void,
): void {
  const resume = () => void from.resume();
  from.on('data', (chunk: Buffer) => {
    onBytes(chunk.length);
    const hasRoom = to.write(chunk);
    if (hasRoom && !backlog?.isLong) return;
    from.pause();
    if (hasRoom) backlog?.onceShort(resume);
    else to.once('drain', resume);
  });
  from.once('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => {
    // After a clean end `to` was ended, and may still have bytes to write; anything else is a broken stream.
    if (!from.readableEnded) to.destroy();
  });
  resume();
}
