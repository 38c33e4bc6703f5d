import { existsSync } from 'node:fs';

/** Where Incus and LXD listen, in the order in which they are looked for. */
const USUAL_SOCKETS = [
  '/var/lib/incus/unix.socket',
  '/var/snap/lxd/common/lxd/unix.socket',
  '/var/lib/lxd/unix.socket',
] as const;

/** The socket that was named, else the first of the usual ones that is there, else the last of them. */
export function lxdSocketPath(named: string | undefined): string {
  if (named !== undefined) return named;
  return USUAL_SOCKETS.find(path => existsSync(path)) ?? USUAL_SOCKETS.at(-1)!;
}
