import type {
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  Event,
  KubeObject,
  Lease,
  Namespace,
  ResourceQuota,
  Role,
  RoleBinding,
  Secret,
  ServiceAccount,
  SubjectAccessReview,
} from './object.ts';
import type {
  Node,
  NodeCommand,
  Placement,
  PlacementSpec,
  PlacementStatus,
  User,
  UserSpec,
  UserStatus,
  Workspace,
  WorkspaceSpec,
} from './types.generated.ts';

/** Where a kind is served. `T` is the type of its objects. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: T['kind'];
  /** Lower-case plural, as in the URL. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Phantom: carries T for inference, never set. */
  readonly _type?: T;
}

const nexus = { group: 'nexus.dev', version: 'v1alpha1' } as const;
const core = { group: '', version: 'v1' } as const;

export const WORKSPACE: Resource<Workspace> = {
  ...nexus,
  kind: 'Workspace',
  plural: 'workspaces',
  namespaced: true,
};
export const PLACEMENT: Resource<Placement> = {
  ...nexus,
  kind: 'Placement',
  plural: 'placements',
  namespaced: true,
};
export const NODE: Resource<Node> = { ...nexus, kind: 'Node', plural: 'nodes', namespaced: false };
export const NODE_COMMAND: Resource<NodeCommand> = {
  ...nexus,
  kind: 'NodeCommand',
  plural: 'nodecommands',
  namespaced: true,
};
export const USER: Resource<User> = { ...nexus, kind: 'User', plural: 'users', namespaced: false };
export const NAMESPACE: Resource<Namespace> = {
  ...core,
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};
export const SECRET: Resource<Secret> = { ...core, kind: 'Secret', plural: 'secrets', namespaced: true };
export const RESOURCE_QUOTA: Resource<ResourceQuota> = {
  ...core,
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};
export const SERVICE_ACCOUNT: Resource<ServiceAccount> = {
  ...core,
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};
export const CONFIG_MAP: Resource<ConfigMap> = {
  ...core,
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
export const EVENT: Resource<Event> = { ...core, kind: 'Event', plural: 'events', namespaced: true };
/** The same objects as EVENT, in the form of the newer group. */
export const EVENT_V1: Resource = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};
export const LEASE: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
export const ROLE: Resource<Role> = { ...rbac, kind: 'Role', plural: 'roles', namespaced: true };
export const CLUSTER_ROLE: Resource<ClusterRole> = {
  ...rbac,
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
};
export const ROLE_BINDING: Resource<RoleBinding> = {
  ...rbac,
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
};
export const CLUSTER_ROLE_BINDING: Resource<ClusterRoleBinding> = {
  ...rbac,
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};
export const CRD: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export const CERTIFICATE_SIGNING_REQUEST: Resource<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
};

/** Answered and never stored. */
export const SUBJECT_ACCESS_REVIEW: Resource<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** `v1` or `group/v1`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

export type WorkspaceService = NonNullable<WorkspaceSpec['services']>[number];
export type WorkspaceEnv = NonNullable<WorkspaceSpec['env']>[number];
export type PlacementService = NonNullable<PlacementSpec['services']>[number];
export type PlacementForward = NonNullable<PlacementSpec['forwards']>[number];
export type PlacementEnv = NonNullable<PlacementSpec['env']>[number];
export type PlacementServiceStatus = NonNullable<PlacementStatus['services']>[number];
export type PlacementForwardStatus = NonNullable<PlacementStatus['forwards']>[number];
export type UserKey = NonNullable<UserSpec['sshKeys']>[number];
export type UserKeyStatus = NonNullable<UserStatus['sshKeys']>[number];
export type HealthCheck = NonNullable<PlacementService['healthCheck']>;
