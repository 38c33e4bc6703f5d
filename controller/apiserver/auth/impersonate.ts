import { badRequest } from '../refusals.ts';
import type { Attributes } from './authorizer.ts';
import { ANONYMOUS, GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, type Identity } from './identity.ts';
import { ACCOUNT_PREFIX, groupsOfAccount } from './service-account.ts';

/** Header names and values in the order in which they came, a name as often as it was sent. */
export type RawHeaders = readonly string[];

/** Whom somebody asks to act as, and what they must be allowed for it. */
export interface Impersonation {
  readonly identity: Identity;
  /** To `impersonate`, each of them. */
  readonly checks: readonly Omit<Attributes, 'user'>[];
}

const USER = 'impersonate-user';
const GROUP = 'impersonate-group';
const UID = 'impersonate-uid';
const EXTRA_PREFIX = 'impersonate-extra-';
const AUTHENTICATION = 'authentication.k8s.io';

/**
 * Reads the Impersonate headers as Kubernetes does; undefined without any. Throws BadRequest for groups, a uid or extra
 * values without a user.
 */
export function readImpersonation(headers: RawHeaders): Impersonation | undefined {
  const found = collect(headers);
  if (!found) return undefined;
  const { user, groups: wanted, extra, uid } = found;
  if (!user) throw badRequest('requested to impersonate groups, a uid or extra values without a user');
  const impersonate = (resource: string, name: string, more: Partial<Attributes> = {}) => ({
    verb: 'impersonate',
    group: '',
    resource,
    name,
    ...more,
  });
  const account = serviceAccountOf(user);
  const checks = [
    account
      ? impersonate('serviceaccounts', account.name, { namespace: account.namespace })
      : impersonate('users', user),
    ...wanted.map(group => impersonate('groups', group)),
    ...[...extra].flatMap(([key, values]) =>
      values.map(value => impersonate('userextras', value, { group: AUTHENTICATION, subresource: key })),
    ),
    ...(uid ? [impersonate('uids', uid, { group: AUTHENTICATION })] : []),
  ];
  const groups = wanted.length === 0 && account ? groupsOfAccount(account.namespace) : wanted;
  return {
    identity: {
      name: user,
      groups: completed(user, groups),
      ...(uid && { uid }),
      ...(extra.size > 0 && { extra: Object.fromEntries(extra) }),
    },
    checks,
  };
}

function collect(headers: RawHeaders) {
  let user: string | undefined;
  let uid: string | undefined;
  let any = false;
  const groups: string[] = [];
  const extra = new Map<string, string[]>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const sent = headers[i]!;
    if (sent[0] !== 'I' && sent[0] !== 'i') continue;
    const name = sent.toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    // Headers come as Latin-1, names are UTF-8.
    const value = Buffer.from(headers[i + 1]!, 'latin1').toString('utf8');
    if (name === USER) user ??= value;
    else if (name === GROUP) groups.push(value);
    else if (name === UID) uid ??= value;
    else if (name.startsWith(EXTRA_PREFIX)) {
      const key = decodeKey(name);
      extra.set(key, [...(extra.get(key) ?? []), value]);
    } else continue;
    any = true;
  }
  return any && (user || uid || groups.length > 0 || extra.size > 0)
    ? { user, uid, groups, extra }
    : undefined;
}

function decodeKey(header: string): string {
  const key = header.slice(EXTRA_PREFIX.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function serviceAccountOf(user: string): { namespace: string; name: string } | undefined {
  if (!user.startsWith(ACCOUNT_PREFIX)) return undefined;
  const parts = user.slice(ACCOUNT_PREFIX.length).split(':');
  const [namespace, name] = parts;
  return parts.length === 2 && LABEL.test(namespace!) && SUBDOMAIN.test(name!)
    ? { namespace: namespace!, name: name! }
    : undefined;
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Everybody is either known or not. */
function completed(user: string, groups: readonly string[]): string[] {
  if (user === ANONYMOUS.name)
    return groups.includes(GROUP_UNAUTHENTICATED) ? [...groups] : [...groups, GROUP_UNAUTHENTICATED];
  return groups.includes(GROUP_AUTHENTICATED) || groups.includes(GROUP_UNAUTHENTICATED)
    ? [...groups]
    : [...groups, GROUP_AUTHENTICATED];
}
