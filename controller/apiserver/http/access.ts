import type { Socket } from 'node:net';
import { ApiError } from '../../kit/errors.ts';
import type { Attributes, Authorizer } from '../auth/authorizer.ts';
import { ANONYMOUS, type Authenticator, type Credentials, type Identity } from '../auth/identity.ts';
import { type RawHeaders, readImpersonation } from '../auth/impersonate.ts';
import { forbidden } from '../refusals.ts';
import { selectedName } from '../selectors/field-selector.ts';
import type { RequestInfo } from './request-info.ts';

export interface Access {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

/** A request as far as it tells who makes it. */
export interface IdentifiableRequest extends Credentials {
  readonly raw: { readonly rawHeaders: RawHeaders; readonly socket?: Socket };
}

/**
 * Who makes the request, acting as somebody else where they ask for that and may. `authenticated` is told who they are
 * themselves. Throws Unauthorized, BadRequest, Forbidden.
 */
export async function identify(
  access: Access,
  request: IdentifiableRequest,
  authenticated: (user: Identity) => void = () => {},
): Promise<Identity> {
  const found = access.authenticator.authenticate(request);
  const user = (found instanceof Promise ? await found : found) ?? ANONYMOUS;
  authenticated(user);
  const asked = readImpersonation(request.raw.rawHeaders);
  if (!asked) return user;
  for (const check of asked.checks) confirm(access, { ...check, user });
  return asked.identity;
}

/** Throws Forbidden. */
export function authorizeRequest(access: Access, user: Identity, info: RequestInfo): void {
  confirm(access, attributesOf(user, info));
}

function confirm({ authorizer }: Access, attributes: Attributes): void {
  const { allowed, reason } = authorizer.authorize(attributes);
  if (!allowed) throw denied(attributes, reason);
}

function attributesOf(user: Identity, { verb, path, query, target }: RequestInfo): Attributes {
  if (!target) return { user, verb, path };
  const { group, plural: resource, subresource, name } = target;
  const namespace = resource === 'namespaces' && group === '' ? name : target.namespace;
  const collection = (verb === 'list' || verb === 'watch') && !name;
  return {
    user,
    verb,
    group,
    resource,
    subresource,
    namespace,
    // A list of one name is a request for that name.
    name: collection ? selectedName(query.get('fieldSelector')) : name,
  };
}

function denied(attributes: Attributes, reason: string): ApiError {
  const { user, verb, group = '', resource, subresource, namespace, name = '', path } = attributes;
  const who = `User ${escaped(user.name)}`;
  const because = reason ? `: ${reason}` : '';
  if (resource === undefined)
    return new ApiError('Forbidden', `forbidden: ${who} cannot ${verb} path ${escaped(path)}${because}`, {});
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${escaped(namespace)}` : 'at the cluster scope';
  return forbidden(
    { group, plural: resource, kind: resource },
    name,
    `${who} cannot ${verb} resource ${escaped(what)} in API group ${escaped(group)} ${where}${because}`,
  );
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Quoted, and without anything that a browser could take for HTML: the sentence repeats what was sent. */
const escaped = (text = ''): string => JSON.stringify(text).replace(/[&<>]/g, one => HTML[one]!);
