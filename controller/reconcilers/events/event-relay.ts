import { apiVersionOf, EVENT, PLACEMENT, WORKSPACE } from '../../../crds/kinds.ts';
import { NODE_NAMESPACE_PREFIX } from '../../../crds/names.ts';
import type { Event } from '../../../crds/object.ts';
import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { digest } from '../../kit/hash.ts';
import { keyOf } from '../../kit/paths.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';

export interface EventRelayOptions {
  client: Client;
  clock: Clock;
  events: Informer<Event>;
  placements: Informer<Placement>;
  workspaces: Informer<Workspace>;
  /** Older Events are not told any more. */
  eventTtlMs: Milliseconds;
}

/** Whether an Event is an agent's about a placement. */
export function isAboutPlacement(event: Event): boolean {
  return (
    event.involvedObject.kind === PLACEMENT.kind &&
    (event.metadata.namespace ?? '').startsWith(NODE_NAMESPACE_PREFIX)
  );
}

/**
 * Tells what an agent says of a placement as an Event of its workspace, in the workspace's namespace, so that
 * `kubectl describe` shows it. One Event for one: its name is made from the source's uid, its count and times are the
 * source's, so telling it twice changes nothing.
 */
export function createEventRelay(options: EventRelayOptions): Reconciler {
  const { client, clock, events, placements, workspaces } = options;

  /**
   * The workspace of the very placement that is spoken of, or of the one in its place. Where there is none any more: the
   * workspace of its name if it is, or just was, on that node. Another node's agent has nothing to say of it.
   */
  function workspaceOf(event: Event): Workspace | undefined {
    const { name = '', namespace = event.metadata.namespace } = event.involvedObject;
    const placed = placements.get(name, namespace)?.spec.workspace;
    // A placement's name is <workspace>.<namespace>, and neither holds a dot.
    const [workspaceName = '', workspaceNamespace] = name.split('.');
    const key = placed ?? { name: workspaceName, namespace: workspaceNamespace };
    const workspace = workspaces.get(key.name, key.namespace);
    if (placed) return placed.uid === workspace?.metadata.uid ? workspace : undefined;
    const { nodeName, move } = workspace?.status ?? {};
    const node = namespace?.slice(NODE_NAMESPACE_PREFIX.length);
    return nodeName === node || move?.from === node ? workspace : undefined;
  }

  return {
    name: 'event-relay',
    async reconcile(key, { signal }) {
      const source = events.get(key.name, key.namespace);
      if (!source || !isAboutPlacement(source)) return done;
      if (eventTime(source) + options.eventTtlMs <= clock.now()) return done;
      const workspace = workspaceOf(source);
      if (!workspace || !speaksOfLife(source, workspace)) return done;
      const target = relayedKey(source, workspace);
      const present = events.get(target.name, target.namespace);
      if (present && isSame(present, source)) return done;
      try {
        if (present)
          await client.update(EVENT, retold(present, source), { fieldManager: FIELD_MANAGER, signal });
        else await client.create(EVENT, relayed(source, workspace), { fieldManager: FIELD_MANAGER, signal });
      } catch (error) {
        // The namespace is going, the Event has ended its life, or the cache is behind and will tell.
        if (!isApiError(error, 'Forbidden', 'NotFound', 'AlreadyExists')) throw error;
      }
      return done;
    },
  };
}

/** When an Event last happened, in milliseconds since the epoch. */
export function eventTime(event: Event): Milliseconds {
  const { series, lastTimestamp, metadata } = event;
  const text =
    series?.lastObservedTime ?? lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp ?? '';
  return Date.parse(text) || 0;
}

export function relayedKey(source: Event, workspace: Workspace): ObjectKey {
  const { uid, name, namespace } = source.metadata;
  return {
    name: `${workspace.metadata.name}.${digest(uid ?? [namespace, name], 16)}`,
    namespace: workspace.metadata.namespace,
  };
}

/** Whether it happened in this workspace's life: a former one of the same name may have left some. */
function speaksOfLife(source: Event, workspace: Workspace): boolean {
  return eventTime(source) + 1000 > Date.parse(workspace.metadata.creationTimestamp ?? '');
}

function isSame(present: Event, source: Event): boolean {
  return (
    (present.count ?? 1) === (source.count ?? 1) &&
    present.lastTimestamp === source.lastTimestamp &&
    present.message === source.message
  );
}

function retold(present: Event, { count, lastTimestamp, message }: Event): Event {
  return { ...present, count, lastTimestamp, message };
}

function relayed(source: Event, workspace: Workspace): Event {
  const { metadata, involvedObject, ...said } = source;
  const { uid, resourceVersion } = workspace.metadata;
  return {
    ...said,
    apiVersion: apiVersionOf(EVENT),
    kind: EVENT.kind,
    metadata: relayedKey(source, workspace),
    involvedObject: {
      apiVersion: apiVersionOf(WORKSPACE),
      kind: WORKSPACE.kind,
      ...keyOf(workspace),
      uid,
      resourceVersion,
    },
    related: involvedObject,
  };
}
