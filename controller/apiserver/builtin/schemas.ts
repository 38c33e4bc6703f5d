import {
  CERTIFICATE_SIGNING_REQUEST,
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  CONFIG_MAP,
  CRD,
  EVENT,
  LEASE,
  NAMESPACE,
  RESOURCE_QUOTA,
  type Resource,
  ROLE,
  ROLE_BINDING,
  SECRET,
  SERVICE_ACCOUNT,
} from '../../../crds/kinds.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { CERTIFICATE_SIGNING_REQUEST_SCHEMA } from './certificates.ts';
import {
  CONFIG_MAP_SCHEMA,
  LEASE_SCHEMA,
  NAMESPACE_SCHEMA,
  RESOURCE_QUOTA_SCHEMA,
  SECRET_SCHEMA,
  SERVICE_ACCOUNT_SCHEMA,
} from './core.ts';
import { CRD_SCHEMA } from './crd.ts';
import { EVENT_SCHEMA } from './event.ts';
import {
  CLUSTER_ROLE_BINDING_SCHEMA,
  CLUSTER_ROLE_SCHEMA,
  ROLE_BINDING_SCHEMA,
  ROLE_SCHEMA,
} from './rbac.ts';

export interface BuiltinKind {
  readonly resource: Resource;
  readonly schema: JsonSchema;
  readonly singular: string;
  readonly shortNames: string[];
  readonly categories: string[];
  /** Whether status has a path of its own. */
  readonly statusSubresource: boolean;
}

const rbacKind = (resource: Resource, schema: JsonSchema): BuiltinKind => ({
  resource,
  schema,
  singular: resource.kind.toLowerCase(),
  shortNames: [],
  categories: [],
  statusSubresource: false,
});

/** The kinds that are served without a CustomResourceDefinition. */
export const BUILTIN_KINDS: readonly BuiltinKind[] = [
  rbacKind(ROLE, ROLE_SCHEMA),
  rbacKind(CLUSTER_ROLE, CLUSTER_ROLE_SCHEMA),
  rbacKind(ROLE_BINDING, ROLE_BINDING_SCHEMA),
  rbacKind(CLUSTER_ROLE_BINDING, CLUSTER_ROLE_BINDING_SCHEMA),
  {
    resource: NAMESPACE,
    schema: NAMESPACE_SCHEMA,
    singular: 'namespace',
    shortNames: ['ns'],
    categories: [],
    statusSubresource: true,
  },
  {
    resource: SECRET,
    schema: SECRET_SCHEMA,
    singular: 'secret',
    shortNames: [],
    categories: [],
    statusSubresource: false,
  },
  {
    resource: SERVICE_ACCOUNT,
    schema: SERVICE_ACCOUNT_SCHEMA,
    singular: 'serviceaccount',
    shortNames: ['sa'],
    categories: [],
    statusSubresource: false,
  },
  {
    resource: CONFIG_MAP,
    schema: CONFIG_MAP_SCHEMA,
    singular: 'configmap',
    shortNames: ['cm'],
    categories: [],
    statusSubresource: false,
  },
  {
    resource: RESOURCE_QUOTA,
    schema: RESOURCE_QUOTA_SCHEMA,
    singular: 'resourcequota',
    shortNames: ['quota'],
    categories: [],
    statusSubresource: true,
  },
  {
    resource: EVENT,
    schema: EVENT_SCHEMA,
    singular: 'event',
    shortNames: ['ev'],
    categories: [],
    statusSubresource: false,
  },
  {
    resource: LEASE,
    schema: LEASE_SCHEMA,
    singular: 'lease',
    shortNames: [],
    categories: [],
    statusSubresource: false,
  },
  {
    resource: CERTIFICATE_SIGNING_REQUEST,
    schema: CERTIFICATE_SIGNING_REQUEST_SCHEMA,
    singular: 'certificatesigningrequest',
    shortNames: ['csr'],
    categories: [],
    statusSubresource: true,
  },
  {
    resource: CRD,
    schema: CRD_SCHEMA,
    singular: 'customresourcedefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    statusSubresource: true,
  },
];
