import {
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  CRD,
  NAMESPACE,
  RESOURCE_QUOTA,
  type Resource,
  ROLE,
  ROLE_BINDING,
} from '../../crds/kinds.ts';
import type { ClusterRole, KubeObject, ResourceQuota } from '../../crds/object.ts';
import type { Entry } from '../store/store.ts';
import { PROTECTED_NAMESPACES } from './admission/namespace-lifecycle.ts';
import { GROUP_MASTERS, type Identity } from './auth/identity.ts';
import { AGGREGATION_MANAGER } from './auth/rbac/aggregation.ts';
import { AUTO_UPDATE, KUBERNETES_BINDINGS, KUBERNETES_ROLES } from './auth/rbac/kubernetes-roles.ts';
import { correctPolicy, type PolicyObject } from './auth/rbac/reconcile-policy.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import type { WriteOptions } from './http/write-options.ts';
import type { CustomResourceDefinition } from './registry/crd.ts';
import { keyOf } from './registry/served-resource.ts';
import { APPLY_PATCH, patchObject } from './verbs/patch.ts';
import { saveChange, saveNew } from './verbs/save.ts';
import { copyOf } from './verbs/view.ts';

const SERVER: Identity = { name: 'system:apiserver', groups: [GROUP_MASTERS] };
const OPTIONS: WriteOptions = {
  dryRun: false,
  fieldManager: 'nexus-apiserver',
  fieldValidation: 'Ignore',
  force: true,
};
const POLICY_KINDS: Readonly<Record<string, Resource>> = {
  Role: ROLE,
  ClusterRole: CLUSTER_ROLE,
  RoleBinding: ROLE_BINDING,
  ClusterRoleBinding: CLUSTER_ROLE_BINDING,
};

/** What a server brings along. */
export interface Defaults {
  /** Known to be valid: to compile their schemas for that would be most of a first start. */
  readonly crds: readonly CustomResourceDefinition[];
  /** Roles, bindings and namespaces beside Kubernetes' own, as parsed from their file. */
  readonly policy: readonly KubeObject[];
}

/** Writes what must be there before anybody asks: namespaces, roles, and the definitions that differ from those given. */
export async function bootstrap(context: ApiContext, { crds, policy }: Defaults): Promise<void> {
  for (const crd of crds) await ensureDefinition(context, crd);
  await Promise.all(PROTECTED_NAMESPACES.map(name => ensureNamespace(context, name)));
  const ours = policy.filter(({ kind }) => POLICY_KINDS[kind]).map(withAutoUpdate);
  await Promise.all(
    [...KUBERNETES_ROLES, ...KUBERNETES_BINDINGS, ...ours].map(object => ensurePolicy(context, object)),
  );
}

async function ensureNamespace(context: ApiContext, name: string): Promise<void> {
  if (context.store.get(keyOf(NAMESPACE, '', name))) return;
  const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await saveNew(context, requestFor(context, NAMESPACE), { object, options: OPTIONS });
}

async function ensureDefinition(context: ApiContext, crd: CustomResourceDefinition): Promise<void> {
  const live = context.store.get(keyOf(CRD, '', crd.metadata.name));
  const request = requestFor(context, CRD, live && crd.metadata.name);
  if (!live) {
    await saveNew(context, request, { object: structuredClone(crd), options: OPTIONS, trusted: true });
    return;
  }
  const object = { ...copyOf(live), spec: structuredClone(crd.spec) };
  for (const field of ['labels', 'annotations'] as const)
    if (crd.metadata[field]) object.metadata[field] = { ...object.metadata[field], ...crd.metadata[field] };
  await saveChange(context, request, live, { object, options: OPTIONS });
}

/** On Kubernetes the file is applied by hand, and nothing updates it by itself: the mark is of this server. */
function withAutoUpdate(object: KubeObject): PolicyObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, [AUTO_UPDATE]: 'true' };
  return { ...object, metadata: { ...metadata, annotations } } as PolicyObject;
}

async function ensurePolicy(context: ApiContext, expected: PolicyObject): Promise<void> {
  const resource = POLICY_KINDS[expected.kind]!;
  const { name, namespace = '' } = expected.metadata;
  const live = context.store.get(keyOf(resource, namespace, name));
  const create = async () => {
    const object = structuredClone(expected);
    await saveNew(context, requestFor(context, resource, '', namespace), { object, options: OPTIONS });
  };
  if (!live) return create();
  const correction = correctPolicy(copyOf(live) as PolicyObject, expected);
  if (correction.kind === 'recreate') {
    await context.store.delete(live.key, live.revision);
    await create();
  } else if (correction.kind === 'update') {
    const object = structuredClone(correction.object);
    await saveChange(context, requestFor(context, resource, name, namespace), live, {
      object,
      options: OPTIONS,
    });
  }
}

/** Server-side apply of the rules that an aggregated role should have. */
export async function applyAggregated(context: ApiContext, role: ClusterRole): Promise<void> {
  await patchObject(context, {
    ...requestFor(context, CLUSTER_ROLE, role.metadata.name),
    query: new URLSearchParams({ fieldManager: AGGREGATION_MANAGER, force: 'true' }),
    headers: { 'content-type': APPLY_PATCH },
    body: Buffer.from(JSON.stringify(role)),
  });
}

/** Writes what a namespace has of what its quota bounds. */
export async function saveQuotaStatus(
  context: ApiContext,
  live: Entry,
  status: ResourceQuota['status'],
): Promise<void> {
  const { name, namespace } = live.object.metadata;
  const request = requestFor(context, RESOURCE_QUOTA, name, namespace);
  const object = { ...copyOf(live), status } as KubeObject;
  const target = { ...request.target, subresource: 'status' };
  await saveChange(context, { ...request, target }, live, { object, options: OPTIONS });
}

/** A request of the server itself. */
function requestFor({ registry }: ApiContext, resource: Resource, name = '', namespace = ''): ApiRequest {
  const { group, version, plural } = resource;
  return {
    user: SERVER,
    served: registry.find(group, version, plural)!,
    target: { group, version, plural, namespace, name, subresource: '' },
    query: new URLSearchParams(),
    headers: {},
    body: undefined,
    warn() {},
  };
}
