import { join } from 'node:path';
import { digest } from '../../controller/kit/hash.ts';

/** Everything of ours about ssh is in `$NEXUS_HOME/ssh`. */
export const sshFolder = (home: string): string => join(home, 'ssh');

/** The key that Nexus made for this installation. */
export const ownKeyFile = (home: string): string => join(sshFolder(home), 'id_ed25519');

/** What `nexus ssh-config` writes, and the person's own configuration includes. */
export const configFile = (home: string): string => join(sshFolder(home), 'config');

/** What is known of each server's workspaces, a file a context. */
export const hostsFolder = (home: string): string => join(sshFolder(home), 'hosts');

/** Host keys of one server's workspaces and of its gateway, a file each, so that no two processes write one. */
export const knownHostsFolder = (home: string, context: string): string =>
  join(sshFolder(home), 'known_hosts.d', contextSlug(context));

/** Sockets of shared connections. */
export const controlFolder = (home: string): string => join(sshFolder(home), 'm');

/** Which addresses answered. */
export const reachFile = (home: string): string => join(sshFolder(home), 'reach.json');

/** A context's name as a part of host and file names: itself, or made fit and told apart by a digest. */
export function contextSlug(context: string): string {
  if (/^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$/.test(context)) return context;
  const fit = context
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 24)
    .replace(/^-+|-+$/g, '');
  return `${fit || 'context'}-${digest(context, 8)}`;
}

/** What ssh adds to the path while it makes a socket, and the least that systems take. */
const SOCKET_SUFFIX = '.0123456789abcdef'.length;
const SOCKET_MAX = 103;

/** The socket of the shared connection to a host; undefined where NEXUS_HOME is too long for one. */
export function controlPath(home: string, context: string, alias: string): string | undefined {
  const path = join(controlFolder(home), digest([context, alias], 10));
  return Buffer.byteLength(path) + SOCKET_SUFFIX <= SOCKET_MAX ? path : undefined;
}
