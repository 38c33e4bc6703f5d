import { placementName } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { CliError } from '../errors.ts';

/** An SSH server as our server published it, checked: it goes into configurations and command lines. */
export interface SshServer {
  host: string;
  port: number;
  /** `ssh-ed25519 AAAA…`, without a comment. At least one. */
  hostKeys: string[];
}

/** A workspace's. */
export interface PublishedHost extends SshServer {
  name: string;
  namespace: string;
  user: string;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const HOST = /^(?=.{1,253}$)[A-Za-z0-9_:]([A-Za-z0-9._:-]*[A-Za-z0-9_.:])?$/;
export const USER = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const HOST_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]{16,16384}={0,2})(?: [^\r\n]*)?$/;

/** Name by which its host keys are known, and by which the gateway knows it: `<workspace>.<namespace>`. */
export const hostAlias = ({ name, namespace }: Pick<PublishedHost, 'name' | 'namespace'>): string =>
  placementName(name, namespace);

/**
 * A workspace's SSH server; undefined: it has none yet. Throws CliError for anything that is no name, address or key: a
 * server must not be able to write options into anybody's ssh.
 */
export function publishedHost({ metadata, status }: Workspace): PublishedHost | undefined {
  const { host, port, user, hostKeys } = status?.ssh ?? {};
  if (!host || !port || !user || !hostKeys?.length) return undefined;
  const { name, namespace = 'default' } = metadata;
  const what = `workspace ${name}`;
  return {
    name: checked(what, 'name', name, LABEL),
    namespace: checked(what, 'namespace', namespace, LABEL),
    user: checked(what, 'user', user, USER),
    ...checkedServer(what, { host, port, hostKeys }),
  };
}

/** Throws CliError. */
export function checkedServer(what: string, server: SshServer): SshServer {
  return {
    host: checked(what, 'host', server.host, HOST),
    port: checkedPort(what, server.port),
    hostKeys: server.hostKeys.map(key => {
      checked(what, 'host key', key, HOST_KEY);
      return key.split(' ', 2).join(' ');
    }),
  };
}

function checked(what: string, field: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  throw new CliError(`the server publishes a ${field} of ${what} that is none: ${JSON.stringify(value)}`, {
    next: 'it is not used; ask whoever runs the server',
  });
}

function checkedPort(what: string, port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CliError(`the server publishes a port of ${what} that is none: ${JSON.stringify(port)}`);
}
