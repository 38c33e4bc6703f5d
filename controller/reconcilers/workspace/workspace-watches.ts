import { nodeNamespace } from '../../../crds/names.ts';
import type { KubeObject, Secret } from '../../../crds/object.ts';
import type { Node, Placement } from '../../../crds/types.generated.ts';
import type { ObjectKey } from '../../client/client.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { jsonEqual } from '../../kit/json.ts';
import { formatKey, keyOf } from '../../kit/paths.ts';
import { getCondition } from '../../runtime/conditions.ts';
import { type ControllerWatch, watch } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import type { OwnWrites } from '../read-your-writes.ts';
import { noExecuteTaints } from './no-execute.ts';
import { BY_AUTHORIZED_USER, BY_SECRET, type WorkspaceEnvironment, workspaceOfUid } from './pass.ts';

/** How long news of room are gathered before all that wait for it are looked at. */
const GATHER_MS: Milliseconds = 500;
/** Workspaces that are woken at once; the next follow after GATHER_MS. */
const WOKEN_AT_ONCE = 100;

/** Everything that may change what a workspace should be, or what is known of it. */
export function workspaceWatches(env: WorkspaceEnvironment): ControllerWatch[] {
  const { workspaces, placements, nodes, secrets, own } = env;
  const placedOf = ({ spec }: Placement): ObjectKey[] => [
    { name: spec.workspace.name, namespace: spec.workspace.namespace },
  ];
  const usersOf = ({ metadata: { name, namespace = '' } }: Secret): ObjectKey[] => {
    const users = workspaces.byIndex(BY_SECRET, formatKey({ name, namespace }));
    const placement = placements.get(name, namespace);
    return [...users.map(keyOf), ...(placement ? placedOf(placement) : [])];
  };
  return [
    watch(workspaces, undefined, ({ now }) => !now || !own.workspaces.isOwn(now)),
    watch(placements, placedOf, ({ now }) => !now || !own.placements.isOwn(now)),
    watch(secrets, usersOf, ({ now }) => !now || !own.secrets.isOwn(now)),
    watchUnseen(own.placements, placements, placedOf),
    watchUnseen(own.secrets, secrets, usersOf),
    watch(
      nodes,
      ({ metadata }) => placements.list({ namespace: nodeNamespace(metadata.name) }).flatMap(placedOf),
      ({ old, now }) => !jsonEqual(facts(old), facts(now)),
    ),
    watchSharedPorts(env),
    watchRoom(env),
    watchSharedKeys(env),
    watchOwnerKeys(env),
  ];
}

/** What was undone before the cache saw it: no change of the cache tells. */
function watchUnseen<T extends KubeObject>(
  own: OwnWrites<T>,
  { synced }: Informer<T>,
  map: (object: T) => ObjectKey[],
): ControllerWatch {
  return {
    synced,
    subscribe: enqueue =>
      own.onUnseen(object => {
        for (const key of map(object)) enqueue(key);
      }),
  };
}

/** What workspaces are told of a node. Not what is set aside: that changes all the time. */
function facts(node: Node | undefined): unknown {
  if (!node) return undefined;
  const ready = getCondition(node.status?.conditions, 'Ready');
  return {
    address: node.spec?.address ?? node.status?.address,
    ports: node.spec?.ports,
    ready: ready && [ready.status, ready.reason],
    leaves: [node.spec?.drain !== undefined, noExecuteTaints(node)],
    drivers: node.status?.drivers?.map(({ name, ready: works }) => [name, works]),
  };
}

/** What else decides whether a node can take more. */
function capacity(node: Node | undefined): unknown {
  return (
    node && [facts(node), node.spec, node.metadata.labels, node.status?.allocatable ?? node.status?.capacity]
  );
}

/** After two controllers gave out one port, the younger of its holders must look again. */
function watchSharedPorts(env: WorkspaceEnvironment): ControllerWatch {
  return {
    synced: env.placements.synced,
    subscribe: enqueue =>
      env.placements.onChange(({ now }) => {
        if (!now) return;
        const { nodeName, ssh, forwards = [] } = now.spec;
        const ports = [ssh.port, ...forwards.map(forward => forward.hostPort)];
        for (const uid of env.ledger.sharers(nodeName, ports))
          for (const key of workspaceOfUid(env, uid)) enqueue(key);
      }),
  };
}

/** Whoever waits for a node or a port looks again when a node can take more, or a placement gave something back. */
function watchRoom({ clock, placements, nodes, ledger, waiting }: WorkspaceEnvironment): ControllerWatch {
  return {
    synced: nodes.synced,
    subscribe(enqueue) {
      let cancel: (() => void) | undefined;
      let due: ObjectKey[] = [];
      let isOld = false;
      const wake = () => {
        cancel = undefined;
        if (isOld) due = waiting.due([...ledger.candidates()]);
        isOld = false;
        for (const key of due.splice(0, WOKEN_AT_ONCE)) enqueue(key);
        if (due.length > 0) cancel = clock.after(GATHER_MS, wake);
      };
      const roomMade = () => {
        if (waiting.size === 0) return;
        isOld = true;
        cancel ??= clock.after(GATHER_MS, wake);
      };
      const off = [
        nodes.onChange(({ old, now }) => {
          if (!jsonEqual(capacity(old), capacity(now))) roomMade();
        }),
        placements.onChange(({ old, now }) => {
          if (old && (!now || !jsonEqual(holds(old), holds(now)))) roomMade();
        }),
      ];
      return () => {
        cancel?.();
        for (const unsubscribe of off) unsubscribe();
      };
    },
  };
}

/** Keys that may log into every workspace are in every placement. */
function watchSharedKeys({ authorizedKeys, workspaces }: WorkspaceEnvironment): ControllerWatch {
  return {
    synced: workspaces.synced,
    subscribe: enqueue =>
      authorizedKeys?.onChange(() => {
        for (const { metadata } of workspaces.list())
          enqueue({ name: metadata.name, namespace: metadata.namespace });
      }) ?? (() => {}),
  };
}

/** Keys of a user are in the placements of the user's workspaces, and of those that are shared with the user. */
function watchOwnerKeys({ ownerKeys, workspaces }: WorkspaceEnvironment): ControllerWatch {
  return {
    synced: Promise.all([workspaces.synced, ownerKeys?.synced]).then(() => {}),
    subscribe: enqueue =>
      ownerKeys?.onChange(namespace => {
        for (const { metadata } of workspaces.list({ namespace }))
          enqueue({ name: metadata.name, namespace });
        for (const { metadata } of workspaces.byIndex(BY_AUTHORIZED_USER, namespace))
          enqueue({ name: metadata.name, namespace: metadata.namespace });
      }) ?? (() => {}),
  };
}

function holds({ spec }: Placement): unknown {
  return [spec.resources, spec.ssh.port, spec.forwards?.map(forward => forward.hostPort)];
}
