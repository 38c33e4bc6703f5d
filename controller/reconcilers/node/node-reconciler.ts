import { NAMESPACE, NODE } from '../../../crds/kinds.ts';
import { LABEL_NODE, nodeNamespace } from '../../../crds/names.ts';
import type { Condition, Lease, Namespace } from '../../../crds/object.ts';
import type { Node, NodeStatus, Placement } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import { type Clock, type Milliseconds, timestamp } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { formatBytes, formatCpuMillis } from '../../kit/quantity.ts';
import { getCondition, type NewCondition } from '../../runtime/conditions.ts';
import {
  done,
  type EventRecorder,
  type Informer,
  type Outcome,
  type Reconciler,
} from '../../runtime/reconciler.ts';
import { FIELD_MANAGER, type LocalNode } from '../deps.ts';
import { cachedPolicy, keepPolicy, type PolicyCaches } from '../keep-policy.ts';
import type { NodeLoad } from '../workspace/schedule.ts';
import { ensureNode, makeNodeNamespace } from './ensure-node.ts';
import type { Evict } from './evict.ts';
import type { Heartbeats } from './heartbeats.ts';
import { judgeNode } from './judge-node.ts';
import { nodeRights } from './node-rights.ts';

/** How long changes of what is set aside are gathered before they are written. */
const GATHER_MS: Milliseconds = 1000;
/** Conditions that are this reconciler's; the others are the agent's. */
const OURS = ['Ready', 'Drained'];
/** Reasons of a condition that is not true though nothing is wrong: a node that is new, or is told to go. */
const EXPECTED: ReadonlySet<string> = new Set(['NeverHeard', 'Draining']);

export interface NodeReconcilerOptions {
  client: Client;
  clock: Clock;
  recorder: EventRecorder;
  nodes: Informer<Node>;
  leases: Informer<Lease>;
  namespaces: Informer<Namespace>;
  placements: Informer<Placement>;
  policy: PolicyCaches;
  /** The node of this machine: made again when somebody deletes it. */
  localNode?: LocalNode;
  /** What is set aside on a node. */
  loadOf(node: string): NodeLoad;
  leaseGraceMs: Milliseconds;
  heartbeats: Heartbeats;
  /** Has workspaces leave the node, where they must. */
  evict: Evict;
}

/**
 * Node.status: the condition Ready, from the agent's Lease (of the node's name, in the node's namespace), and what is
 * set aside; how far its drain is, who is to leave it, and since when taints are there. Sees to the node's namespace, there while the node or a
 * placement on it is, and to what the node's agent may do.
 */
export function createNodeReconciler(options: NodeReconcilerOptions): Reconciler {
  const { client, clock, nodes, leases, namespaces, placements, heartbeats } = options;
  /** When `allocated` was last written, by node. */
  const countedAt = new Map<string, Milliseconds>();

  /** The namespace, and in it and beside it what the agent may do. */
  async function ensureRights(node: Node, signal: AbortSignal): Promise<Outcome | undefined> {
    const { name } = node.metadata;
    const namespace = namespaces.get(nodeNamespace(name));
    if (namespace?.metadata.deletionTimestamp) return { kind: 'waiting', reason: 'Deleting' };
    if (!namespace) await makeNodeNamespace(client, name, signal);
    await Promise.all(
      nodeRights(node).map(wanted =>
        keepPolicy(client, wanted, cachedPolicy(options.policy, wanted), signal),
      ),
    );
    return undefined;
  }

  /** The node is gone: its namespace goes when nothing is placed there any more. */
  async function forget(name: string, signal: AbortSignal): Promise<Outcome> {
    countedAt.delete(name);
    const namespace = namespaces.get(nodeNamespace(name));
    // Its agent may go on: what is placed there is moved only when that has been silent for long enough.
    if (namespace) heartbeats.hear(name, leases.get(name, nodeNamespace(name)), undefined);
    else heartbeats.forget(name);
    if (!namespace || namespace.metadata.deletionTimestamp) return done;
    if (namespace.metadata.labels?.[LABEL_NODE] !== name) return done;
    if (placements.list({ namespace: nodeNamespace(name) }).length > 0)
      return { kind: 'waiting', reason: 'NodeUnreachable' };
    // The namespace of a new node may be heard of before the node is.
    if (await isThere(name, signal)) return done;
    const { uid } = namespace.metadata;
    await client
      .delete(NAMESPACE, { name: nodeNamespace(name) }, { preconditions: { uid }, signal })
      .catch(error => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
    return done;
  }

  async function isThere(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      return !(await client.get(NODE, { name }, signal)).metadata.deletionTimestamp;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      return false;
    }
  }

  async function write(
    node: Node,
    found: NewCondition[],
    { allocated, taintedSince = [] }: Pick<NodeStatus, 'allocated' | 'taintedSince'>,
    signal: AbortSignal,
  ) {
    const before = (type: string) => getCondition(node.status?.conditions as Condition[] | undefined, type);
    const conditions = found.map(condition => {
      const last = before(condition.type);
      const isSame = last?.status === condition.status;
      return { ...condition, lastTransitionTime: isSame ? last.lastTransitionTime : timestamp(clock.now()) };
    });
    const areSame = OURS.every(type =>
      jsonEqual(
        before(type),
        conditions.find(c => c.type === type),
      ),
    );
    const isTold =
      jsonEqual(node.status?.allocated, allocated) &&
      jsonEqual(node.status?.taintedSince ?? [], taintedSince);
    if (areSame && isTold) return;
    const { name } = node.metadata;
    const applied: Node = {
      apiVersion: node.apiVersion,
      kind: node.kind,
      metadata: { name },
      status: { conditions, allocated, ...(taintedSince.length > 0 && { taintedSince }) },
    };
    await client.apply(NODE, applied, {
      fieldManager: FIELD_MANAGER,
      force: true,
      subresource: 'status',
      signal,
    });
    for (const { type, status, reason, message } of conditions)
      if (before(type)?.reason !== reason)
        options.recorder.event(
          node,
          status === 'True' || EXPECTED.has(reason) ? 'Normal' : 'Warning',
          reason,
          message,
        );
  }

  return {
    name: 'node',
    async reconcile({ name }, { signal }) {
      const node = nodes.get(name);
      if (!node && name === options.localNode?.name) {
        await ensureNode(client, options.localNode, signal);
        return done;
      }
      if (!node || node.metadata.deletionTimestamp) return forget(name, signal);
      const now = { uptimeMs: clock.uptime(), graceMs: options.leaseGraceMs };
      const heartbeat = heartbeats.hear(name, leases.get(name, nodeNamespace(name)), node);
      const { ready, againMs } = judgeNode(node, heartbeat, now);
      const counted = allocatedOf(options.loadOf(name));
      const dueMs = (countedAt.get(name) ?? Number.NEGATIVE_INFINITY) + GATHER_MS - now.uptimeMs;
      const isEarly = dueMs > 0 && !jsonEqual(counted, node.status?.allocated);
      if (!isEarly) countedAt.set(name, now.uptimeMs);
      const evicted = await options.evict(node, signal);
      const conditions = evicted.drained ? [ready, evicted.drained] : [ready];
      const allocated = isEarly ? node.status?.allocated : counted;
      const [held] = await Promise.all([
        ensureRights(node, signal),
        write(node, conditions, { allocated, taintedSince: evicted.taintedSince }, signal),
      ]);
      const waits = [againMs, isEarly ? dueMs : undefined, evicted.againMs].filter(ms => ms !== undefined);
      return waits.length > 0 ? { kind: 'requeueAfter', ms: Math.min(...waits) } : (held ?? done);
    },
  };
}

function allocatedOf(load: NodeLoad): NonNullable<NodeStatus['allocated']> {
  return {
    cpu: formatCpuMillis(load.cpuMillis),
    memory: formatBytes(load.memoryBytes),
    disk: formatBytes(load.diskBytes),
    workspaces: load.workspaces,
  };
}
