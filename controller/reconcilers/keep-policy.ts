import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, type Resource, ROLE, ROLE_BINDING } from '../../crds/kinds.ts';
import type {
  AnyBinding,
  AnyRole,
  ClusterRole,
  ClusterRoleBinding,
  KubeObject,
  OwnerReference,
  Role,
  RoleBinding,
} from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import { isApiError } from '../kit/errors.ts';
import { jsonEqual } from '../kit/json.ts';
import type { Informer } from '../runtime/reconciler.ts';
import { FIELD_MANAGER } from './deps.ts';

export type PolicyObject = AnyRole | AnyBinding;

/** Roles and bindings as they are known. */
export interface PolicyCaches {
  roles: Informer<Role>;
  clusterRoles: Informer<ClusterRole>;
  roleBindings: Informer<RoleBinding>;
  clusterRoleBindings: Informer<ClusterRoleBinding>;
}

const RESOURCES = {
  Role: ROLE,
  ClusterRole: CLUSTER_ROLE,
  RoleBinding: ROLE_BINDING,
  ClusterRoleBinding: CLUSTER_ROLE_BINDING,
} as const satisfies Record<string, Resource>;

export function cachedPolicy(
  caches: PolicyCaches,
  { kind, metadata }: PolicyObject,
): PolicyObject | undefined {
  const { name, namespace } = metadata;
  if (kind === 'Role') return caches.roles.get(name, namespace);
  if (kind === 'ClusterRole') return caches.clusterRoles.get(name);
  if (kind === 'ClusterRoleBinding') return caches.clusterRoleBindings.get(name);
  return caches.roleBindings.get(name, namespace);
}

/** The same from the server itself. */
export async function readPolicy(
  client: Client,
  wanted: PolicyObject,
  signal?: AbortSignal,
): Promise<PolicyObject | undefined> {
  const { name, namespace } = wanted.metadata;
  return client.get(resourceOf(wanted), { name, namespace }, signal).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
}

/**
 * Brings one role or binding to what it should be: made, changed back, or, where its role is another one, made anew.
 * Nothing is written when `live` is as wanted.
 */
export async function keepPolicy(
  client: Client,
  wanted: PolicyObject,
  live: PolicyObject | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (live && isAsWanted(live, wanted)) return;
  const resource = resourceOf(wanted);
  if (live && 'roleRef' in live && 'roleRef' in wanted && !jsonEqual(live.roleRef, wanted.roleRef))
    await removePolicy(client, live, signal);
  await client.apply(resource, wanted, { fieldManager: FIELD_MANAGER, force: true, signal });
}

/** One that is gone already is no error, nor is another of its name. */
export async function removePolicy(client: Client, live: PolicyObject, signal?: AbortSignal): Promise<void> {
  const { name, namespace, uid } = live.metadata;
  await client
    .delete(resourceOf(live), { name, namespace }, { preconditions: { uid }, signal })
    .catch(error => {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    });
}

const resourceOf = ({ kind }: PolicyObject): Resource<PolicyObject> =>
  RESOURCES[kind as keyof typeof RESOURCES] as Resource<PolicyObject>;

function isAsWanted(live: PolicyObject, wanted: PolicyObject): boolean {
  const { metadata: have, ...content } = live as PolicyObject & Record<string, unknown>;
  const { metadata: want, ...wantedContent } = wanted as PolicyObject & Record<string, unknown>;
  return (
    jsonEqual(content, wantedContent) &&
    Object.entries(want.labels ?? {}).every(([key, value]) => have.labels?.[key] === value) &&
    jsonEqual(uids(have.ownerReferences), uids(want.ownerReferences))
  );
}

const uids = (owners: OwnerReference[] | undefined) => (owners ?? []).map(({ uid }) => uid).sort();

/** What makes the garbage collector remove something together with `owner`. */
export function ownedBy(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' };
}
