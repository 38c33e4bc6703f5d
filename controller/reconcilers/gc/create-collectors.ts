import {
  CERTIFICATE_SIGNING_REQUEST,
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  EVENT,
  LEASE,
  NAMESPACE,
  NODE,
  NODE_COMMAND,
  PLACEMENT,
  RESOURCE_QUOTA,
  type Resource,
  ROLE,
  ROLE_BINDING,
  SECRET,
  SERVICE_ACCOUNT,
  USER,
  WORKSPACE,
} from '../../../crds/kinds.ts';
import type {
  CertificateSigningRequest,
  Event,
  KubeObject,
  Lease,
  Namespace,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from '../../../crds/object.ts';
import type { Node, NodeCommand, Placement, User, Workspace } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { type Controller, createController } from '../../runtime/controller.ts';
import type { Part } from '../../runtime/manager.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import type { ReconcilerDeps } from '../deps.ts';
import type { PolicyCaches } from '../keep-policy.ts';
import { createEventExpiry, watchExpiry } from './event-expiry.ts';
import { createGarbageCollector, watchOwners } from './garbage-collector.ts';
import { createKindSet } from './kind-set.ts';
import { createNamespaceReconciler, watchNamespaces } from './namespace-reconciler.ts';
import { OwnerGraph } from './owner-graph.ts';

export interface SharedInformers extends PolicyCaches {
  workspaces: Informer<Workspace>;
  placements: Informer<Placement>;
  nodes: Informer<Node>;
  secrets: Informer<Secret>;
  leases: Informer<Lease>;
  namespaces: Informer<Namespace>;
  events: Informer<Event>;
  users: Informer<User>;
  quotas: Informer<ResourceQuota>;
  commands: Informer<NodeCommand>;
  requests: Informer<CertificateSigningRequest>;
  accounts: Informer<ServiceAccount>;
}

/** What Kubernetes does by itself and the embedded server must be helped with: ownership, namespaces, old Events. */
export function createCollectors(
  options: ReconcilerDeps & { shared: SharedInformers; eventTtlMs: Milliseconds },
): (Controller | Part)[] {
  const { client, clock, log, metrics, random, shared, eventTtlMs } = options;
  const kinds = createKindSet(options, [
    [WORKSPACE, shared.workspaces],
    [PLACEMENT, shared.placements],
    [NODE, shared.nodes],
    [SECRET, shared.secrets],
    [LEASE, shared.leases],
    [NAMESPACE, shared.namespaces],
    [EVENT, shared.events],
    [USER, shared.users],
    [RESOURCE_QUOTA, shared.quotas],
    [NODE_COMMAND, shared.commands],
    [CERTIFICATE_SIGNING_REQUEST, shared.requests],
    [SERVICE_ACCOUNT, shared.accounts],
    [ROLE, shared.roles],
    [CLUSTER_ROLE, shared.clusterRoles],
    [ROLE_BINDING, shared.roleBindings],
    [CLUSTER_ROLE_BINDING, shared.clusterRoleBindings],
  ] as [Resource, Informer<KubeObject>][]);
  const graph = new OwnerGraph(kinds);
  const common = { clock, log, metrics, random };
  return [
    kinds,
    createController({
      ...common,
      reconciler: createGarbageCollector(client, kinds, graph),
      watches: [watchOwners(kinds, graph)],
    }),
    createController({
      ...common,
      reconciler: createNamespaceReconciler(client, shared.namespaces, kinds),
      watches: watchNamespaces(shared.namespaces, kinds),
      workers: 2,
    }),
    createController({
      ...common,
      reconciler: createEventExpiry({ client, clock, events: shared.events, eventTtlMs }),
      watches: [watchExpiry(shared.events)],
      workers: 1,
    }),
  ];
}
