import { ApiError } from '../../kit/errors.ts';
import type { Attributes, Authorizer } from '../auth/authorizer.ts';
import {
  ANONYMOUS,
  type Authenticator,
  type Credentials,
  GROUP_AUTHENTICATED,
  type Identity,
} from '../auth/identity.ts';
import { forbidden } from '../refusals.ts';
import { METADATA_FIELDS, parseFieldSelector } from '../selectors/field-selector.ts';
import type { RequestInfo } from './request-info.ts';

export interface Access {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

/** Who makes the request, acting as somebody else where they ask for that and may. Throws Unauthorized, Forbidden. */
export async function identify(access: Access, credentials: Credentials): Promise<Identity> {
  const user = (await access.authenticator.authenticate(credentials)) ?? ANONYMOUS;
  return credentials.headers['impersonate-user'] === undefined
    ? user
    : impersonate(access, user, credentials);
}

function impersonate({ authorizer }: Access, user: Identity, { headers }: Credentials): Identity {
  const name = String(headers['impersonate-user']);
  const groups = String(headers['impersonate-group'] ?? '')
    .split(',')
    .map(group => group.trim())
    .filter(group => group !== '');
  const check = (resource: string, value: string) => {
    if (!authorizer.authorize({ user, verb: 'impersonate', group: '', resource, name: value }).allowed)
      throw forbidden(
        { group: '', plural: resource, kind: '' },
        value,
        `User ${JSON.stringify(user.name)} cannot impersonate resource "${resource}" in API group "" at the cluster scope`,
      );
  };
  check('users', name);
  for (const group of groups) check('groups', group);
  return { name, groups: [...new Set([...groups, GROUP_AUTHENTICATED])] };
}

/** Throws Forbidden, or Unauthorized for somebody who has not said who they are. */
export function authorizeRequest({ authorizer }: Access, user: Identity, info: RequestInfo): void {
  const attributes = attributesOf(user, info);
  const { allowed, reason } = authorizer.authorize(attributes);
  if (allowed) return;
  if (user === ANONYMOUS) throw new ApiError('Unauthorized', 'Unauthorized');
  throw denied(attributes, reason);
}

function attributesOf(user: Identity, { verb, path, query, target }: RequestInfo): Attributes {
  if (!target) return { user, verb: verb === 'head' ? 'get' : verb, path };
  const { group, plural: resource, subresource, name } = target;
  const namespace = resource === 'namespaces' && group === '' ? name : target.namespace;
  const collection = (verb === 'list' || verb === 'watch' || verb === 'deletecollection') && !name;
  return {
    user,
    verb,
    group,
    resource,
    subresource,
    namespace,
    name: collection ? selectedName(query) : name,
  };
}

/** A list of one name is a request for that name. */
function selectedName(query: URLSearchParams): string {
  const selector = query.get('fieldSelector');
  if (!selector?.includes('metadata.name')) return '';
  try {
    return parseFieldSelector(selector, METADATA_FIELDS).name ?? '';
  } catch {
    return '';
  }
}

function denied(attributes: Attributes, reason: string): ApiError {
  const { user, verb, group = '', resource, subresource, namespace, name = '', path } = attributes;
  const who = `User ${JSON.stringify(user.name)}`;
  const because = reason ? `: ${reason}` : '';
  if (resource === undefined)
    return new ApiError(
      'Forbidden',
      `forbidden: ${who} cannot ${verb} path ${JSON.stringify(path)}${because}`,
      {},
    );
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return forbidden(
    { group, plural: resource, kind: resource },
    name,
    `${who} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${because}`,
  );
}
