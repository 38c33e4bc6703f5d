import { FINALIZER_PLACEMENT, nodeNamespace, placementName } from '../../crds/names.ts';
import type { ObjectMeta } from '../../crds/object.ts';
import type {
  Node,
  NodeStatus,
  Placement,
  PlacementSpec,
  PlacementStatus,
  Workspace,
  WorkspaceSpec,
  WorkspaceStatus,
} from '../../crds/types.generated.ts';

const CREATED = '2026-01-01T00:00:00Z';

type DriverName = PlacementSpec['driver'];

/** A node of 4 cores, 8 GiB and 100 GiB with Docker that is Ready, unless told otherwise. */
export function makeNode(
  name: string,
  options: {
    labels?: Record<string, string>;
    spec?: Node['spec'];
    drivers?: DriverName[];
    /** Of the drivers, those whose engine does not answer. */
    unready?: DriverName[];
    images?: string[];
    ready?: 'True' | 'False' | 'Unknown';
    reason?: string;
    since?: string;
    allocatable?: NodeStatus['allocatable'];
    deleting?: boolean;
  } = {},
): Node {
  const { ready = 'True' } = options;
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Node',
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: options.labels,
      ...(options.deleting && { deletionTimestamp: CREATED }),
    },
    ...(options.spec && { spec: options.spec }),
    status: {
      address: `${name}.test`,
      drivers: (options.drivers ?? ['docker']).map(driver => ({
        name: driver,
        ready: !options.unready?.includes(driver),
      })),
      ...(options.images && { images: options.images }),
      allocatable: options.allocatable ?? { cpu: '4', memory: '8Gi', disk: '100Gi' },
      conditions: [
        {
          type: 'Ready',
          status: ready,
          reason: options.reason ?? (ready === 'True' ? 'AgentReady' : 'LeaseExpired'),
          message: '',
          lastTransitionTime: options.since ?? CREATED,
        },
      ],
    },
  };
}

export function makeWorkspace(
  name: string,
  spec: WorkspaceSpec = {},
  metadata: Partial<ObjectMeta> = {},
  status?: WorkspaceStatus,
): Workspace {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      generation: 1,
      creationTimestamp: CREATED,
      ...metadata,
    },
    spec,
    ...(status && { status }),
  };
}

/** The placement of a workspace in namespace default. */
export function makePlacement(
  workspace: string,
  node: string,
  spec: Partial<PlacementSpec> = {},
  options: { metadata?: Partial<ObjectMeta>; status?: PlacementStatus } = {},
): Placement {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Placement',
    metadata: {
      name: placementName(workspace, 'default'),
      namespace: nodeNamespace(node),
      uid: `uid-${workspace}-on-${node}`,
      generation: 1,
      creationTimestamp: CREATED,
      finalizers: [FINALIZER_PLACEMENT],
      ...options.metadata,
    },
    spec: {
      workspace: { name: workspace, namespace: 'default', uid: `uid-${workspace}`, generation: 1 },
      nodeName: node,
      driver: 'docker',
      image: 'debian:12',
      running: true,
      ssh: { user: 'dev', port: 2222 },
      ...spec,
    },
    ...(options.status && { status: options.status }),
  };
}
