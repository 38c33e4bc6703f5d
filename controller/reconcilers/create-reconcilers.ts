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
} from '../../crds/kinds.ts';
import { LABEL_NODE, NODE_NAMESPACE_PREFIX } from '../../crds/names.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { User } from '../../crds/types.generated.ts';
import { type Controller, createController, watch } from '../runtime/controller.ts';
import { createInformer } from '../runtime/informer.ts';
import type { Part } from '../runtime/manager.ts';
import type { Informer, Lister } from '../runtime/reconciler.ts';
import { createCertificateRequests } from './certificates/certificate-requests.ts';
import {
  DEFAULT_EVENT_TTL_MS,
  DEFAULT_LEASE_GRACE_MS,
  DEFAULT_NODE_LOSS_DELETE_MS,
  type ReconcilerDeps,
  type ReconcilerOptions,
} from './deps.ts';
import { createEventRelay, isAboutPlacement } from './events/event-relay.ts';
import { createCollectors } from './gc/create-collectors.ts';
import { createCommandExpiry } from './node/command-expiry.ts';
import { createEvict } from './node/evict.ts';
import { Heartbeats } from './node/heartbeats.ts';
import { createNodeReconciler } from './node/node-reconciler.ts';
import { watchLeases } from './node/watch-leases.ts';
import { createDefaultAccount, defaultAccountWatches } from './service-account/default-account.ts';
import { createSharingReconciler, sharingWatches } from './sharing/sharing-reconciler.ts';
import { createOwnerKeys } from './user/owner-keys.ts';
import { indexByKey } from './user/user-keys.ts';
import { createUserReconciler } from './user/user-reconciler.ts';
import { userWatches } from './user/user-watches.ts';
import { createWorkspaceEnvironment } from './workspace/pass.ts';
import { createWorkspaceReconciler } from './workspace/workspace-reconciler.ts';
import { workspaceWatches } from './workspace/workspace-watches.ts';

export interface Reconcilers {
  /** Caches. Any number of processes may run them. */
  informers: Part[];
  /** What acts on them. Only one process at a time, the leader, may run these. */
  controllers: (Controller | Part)[];
  /** One of the caches. */
  users: Lister<User>;
}

/**
 * Everything that makes the cluster what its objects say, over one set of caches.
 *
 * @example
 * const { informers, controllers } = createReconcilers({ client, clock, log, recorder }, { defaultImage, embedded: true });
 * manager.add(...informers);
 * manager.addLeading(...controllers);
 */
export function createReconcilers(deps: ReconcilerDeps, options: ReconcilerOptions): Reconcilers {
  const { client, clock, log, recorder, metrics, random } = deps;
  const informers: Part[] = [];
  const inform = <T extends KubeObject>(resource: Resource<T>): Informer<T> => {
    const informer = createInformer({ client, resource, clock, log, metrics, random });
    informers.push({
      name: `informer ${resource.plural}`,
      ready: informer.synced,
      run: signal => informer.run(signal),
    });
    return informer;
  };
  const control = (
    spec: Pick<Parameters<typeof createController>[0], 'reconciler' | 'watches' | 'workers'>,
  ) => createController({ ...spec, clock, log, metrics, random });

  const workspaces = inform(WORKSPACE);
  const placements = inform(PLACEMENT);
  const nodes = inform(NODE);
  const secrets = inform(SECRET);
  const leases = inform(LEASE);
  const namespaces = inform(NAMESPACE);
  const events = inform(EVENT);
  const users = inform(USER);
  const commands = inform(NODE_COMMAND);
  const quotas = inform(RESOURCE_QUOTA);
  const policy = {
    roles: inform(ROLE),
    clusterRoles: inform(CLUSTER_ROLE),
    roleBindings: inform(ROLE_BINDING),
    clusterRoleBindings: inform(CLUSTER_ROLE_BINDING),
  };
  const eventTtlMs = options.eventTtlMs ?? DEFAULT_EVENT_TTL_MS;
  indexByKey(users);
  const leaseGraceMs = options.leaseGraceMs ?? DEFAULT_LEASE_GRACE_MS;
  const heartbeats = new Heartbeats(clock, leaseGraceMs);
  const env = createWorkspaceEnvironment({
    heartbeats,
    client,
    clock,
    recorder,
    workspaces,
    placements,
    nodes,
    secrets,
    defaultImage: driver => options.defaultImages?.[driver] ?? options.defaultImage,
    authorizedKeys: options.authorizedKeys,
    ownerKeys: createOwnerKeys({ users, namespaces }),
    nodeLossDeleteMs: options.nodeLossDeleteMs ?? DEFAULT_NODE_LOSS_DELETE_MS,
  });

  const ofNamespace = (namespace = '') =>
    namespace.startsWith(NODE_NAMESPACE_PREFIX)
      ? [{ name: namespace.slice(NODE_NAMESPACE_PREFIX.length) }]
      : [];
  const ofLabel = ({ metadata }: KubeObject) => {
    const name = metadata.labels?.[LABEL_NODE];
    return name === undefined ? [] : [{ name }];
  };
  const controllers: (Controller | Part)[] = [
    control({
      reconciler: createNodeReconciler({
        client,
        clock,
        recorder,
        nodes,
        leases,
        namespaces,
        placements,
        policy,
        localNode: options.localNode,
        loadOf: node => env.ledger.load(node),
        leaseGraceMs,
        heartbeats,
        evict: createEvict(env),
      }),
      watches: [
        watch(nodes),
        watchLeases(leases, nodes, heartbeats),
        watch(namespaces, ({ metadata }) => ofNamespace(metadata.name)),
        watch(policy.clusterRoles, ofLabel),
        watch(policy.roleBindings, ofLabel),
        watch(policy.clusterRoleBindings, ofLabel),
        {
          synced: nodes.synced,
          subscribe(enqueue) {
            if (options.localNode) enqueue({ name: options.localNode.name });
            return () => {};
          },
        },
        watch(
          placements,
          ({ spec }) => [{ name: spec.nodeName }],
          ({ old, now }) =>
            !old ||
            !now ||
            old.metadata.generation !== now.metadata.generation ||
            now.spec.evictedBy !== undefined,
        ),
        watch(workspaces, ({ status }) => (status?.move ? [{ name: status.move.from }] : [])),
      ],
    }),
    control({
      reconciler: createCommandExpiry({ client, clock, commands }),
      watches: [watch(commands, undefined, ({ old, now }) => !old || !now)],
      workers: 1,
    }),
    control({
      reconciler: createUserReconciler({ client, clock, recorder, users, namespaces, policy, quotas }),
      watches: userWatches({ users, namespaces, workspaces, policy, quotas }),
    }),
    control({
      reconciler: createSharingReconciler({ client, workspaces, policy }),
      watches: sharingWatches({ workspaces, policy }),
    }),
    control({
      reconciler: createWorkspaceReconciler(env),
      watches: workspaceWatches(env),
      workers: options.workers ?? 8,
    }),
    control({
      reconciler: createEventRelay({ client, clock, events, placements, workspaces, eventTtlMs }),
      watches: [
        watch(events, undefined, ({ now }) => now !== undefined && isAboutPlacement(now)),
        {
          synced: Promise.all([placements.synced, workspaces.synced]).then(() => {}),
          subscribe: () => () => {},
        },
      ],
    }),
  ];
  if (options.embedded) {
    const requests = inform(CERTIFICATE_SIGNING_REQUEST);
    const accounts = inform(SERVICE_ACCOUNT);
    if (options.signer)
      controllers.push(
        control({
          reconciler: createCertificateRequests({ client, clock, requests, ...options.signer }),
          watches: [watch(requests)],
          workers: 1,
        }),
      );
    controllers.push(
      control({
        reconciler: createDefaultAccount({ client, namespaces, accounts }),
        watches: defaultAccountWatches({ namespaces, accounts }),
      }),
      ...createCollectors({
        ...deps,
        eventTtlMs,
        shared: {
          workspaces,
          placements,
          nodes,
          secrets,
          leases,
          namespaces,
          events,
          users,
          commands,
          quotas,
          requests,
          accounts,
          ...policy,
        },
      }),
    );
  }
  if (metrics) {
    const phases = metrics.gauge('nexus_workspaces', 'Workspaces by phase.', ['phase']);
    metrics.onCollect(() => {
      phases.reset();
      for (const { status } of workspaces.list()) phases.inc({ phase: status?.phase ?? 'Pending' });
    });
  }
  return { informers, controllers, users };
}
