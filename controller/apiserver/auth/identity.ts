import type { Socket } from 'node:net';
import { GROUP_NODES } from '../../../crds/names.ts';

/** Who makes a request. */
export interface Identity {
  /** `admin`, `nexus:node:node-1`, `system:anonymous`. */
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const GROUP_UNAUTHENTICATED = 'system:unauthenticated';
export const ANONYMOUS: Identity = { name: 'system:anonymous', groups: [GROUP_UNAUTHENTICATED] };
export const GROUP_MASTERS = 'system:masters';
export const GROUP_AUTHENTICATED = 'system:authenticated';
/** The reconcilers, as the API server sees them. */
export const CONTROLLER_USER = 'nexus:controller';
/** Service accounts of the installation itself. */
const SYSTEM_ACCOUNTS = ['system:serviceaccounts:kube-system', 'system:serviceaccounts:nexus-system'];
export const NODE_USER_PREFIX = 'nexus:node:';

/** The node whose agent this is; undefined for anybody else. */
export function nodeOf(user: Identity): string | undefined {
  return user.groups.includes(GROUP_NODES) && user.name.startsWith(NODE_USER_PREFIX)
    ? user.name.slice(NODE_USER_PREFIX.length)
    : undefined;
}

/** Whether this is a part of the installation: an agent, the reconcilers, a service account of the system. */
export function isSystem({ name, groups }: Identity): boolean {
  return (
    groups.includes(GROUP_NODES) ||
    name === CONTROLLER_USER ||
    SYSTEM_ACCOUNTS.some(group => groups.includes(group))
  );
}

export interface Credentials {
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  /** The connection that it came by, where there is one. */
  readonly raw?: { readonly socket?: Socket };
}

/**
 * Tells who makes a request; undefined when the request carries no credential it knows how to read. Throws Unauthorized
 * for a credential that is wrong.
 */
export interface Authenticator {
  authenticate(request: Credentials): Identity | undefined | Promise<Identity | undefined>;
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken({ headers }: Credentials): string | undefined {
  const header = headers.authorization;
  if (typeof header !== 'string') return undefined;
  const match = /^bearer +(\S+)$/i.exec(header);
  return match?.[1];
}
