import type { Duplex } from 'node:stream';

/**
 * Joins two streams both ways until both have ended, with back-pressure, and half-close passed on: the end of one
 * direction leaves the other open. A stream that breaks ends the other at once. Both must be made with allowHalfOpen.
 */
export function splice(a: Duplex, b: Duplex): void {
  join(a, b);
  join(b, a);
}

function join(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    // After a clean end `pipe` has ended `to`, which may still have bytes to write; anything else is a broken stream.
    if (!from.readableEnded) to.destroy();
  });
}
