import type { Metrics } from '../controller/kit/metrics.ts';
import type { Forwarder } from './forwards/forwarder.ts';
import type { Unit } from './reconcile/unit.ts';

/** What the agent counts. */
export interface AgentMetrics {
  action(type: string, result: 'done' | 'failed'): void;
  /** Seconds from the start of a pass to its end are the controller's to measure; this counts what it did. */
  statusWrite(result: 'written' | 'failed'): void;
  orphan(kind: 'instance' | 'volume' | 'image'): void;
}

export function createAgentMetrics(
  metrics: Metrics,
  units: ReadonlyMap<string, Unit>,
  backends: ReadonlyMap<string, { readonly forwarder: Forwarder }>,
): AgentMetrics {
  const actions = metrics.counter(
    'nexus_agent_actions_total',
    'Actions on the engine, in workspaces and on ports.',
    ['type', 'result'],
  );
  const writes = metrics.counter('nexus_agent_status_writes_total', 'Writes of Placement.status.', [
    'result',
  ]);
  const orphans = metrics.counter(
    'nexus_agent_orphans_removed_total',
    'Things removed that no Placement asks for.',
    ['kind'],
  );
  const placements = metrics.gauge('nexus_agent_placements', 'Placements by the state of their container.', [
    'state',
  ]);
  const tunnels = metrics.gauge('nexus_agent_tunnels_connected', 'SSH connections into workspaces.');
  const forwards = metrics.gauge('nexus_agent_forwards', 'Ports of the node that lead into workspaces.');
  const connections = metrics.gauge('nexus_agent_forward_connections', 'Open connections over forwards.');
  metrics.onCollect(() => {
    const now = readMetrics(units, backends);
    placements.reset();
    for (const [state, count] of Object.entries(now.instances)) placements.set({ state }, count);
    tunnels.set(now.tunnels);
    forwards.set(now.forwards);
    connections.set(now.connections);
  });
  return {
    action: (type, result) => actions.inc({ type, result }),
    statusWrite: result => writes.inc({ result }),
    orphan: kind => orphans.inc({ kind }),
  };
}

function readMetrics(
  units: ReadonlyMap<string, Unit>,
  backends: ReadonlyMap<string, { readonly forwarder: Forwarder }>,
) {
  const instances: Record<string, number> = {};
  let tunnels = 0;
  for (const { known, tunnel } of units.values()) {
    instances[known] = (instances[known] ?? 0) + 1;
    if (tunnel?.tunnel.state.state === 'Connected') tunnels++;
  }
  const forwarders = [...backends.values()].map(({ forwarder }) => forwarder);
  return {
    instances,
    tunnels,
    forwards: forwarders.reduce((sum, { count }) => sum + count, 0),
    connections: forwarders.reduce((sum, { connections }) => sum + connections, 0),
  };
}
