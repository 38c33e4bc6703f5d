import type { ObservedForward } from '../model/observed.ts';
import type { Forwarder } from './forwarder.ts';

/** Forwards that are only written down, for the in-memory driver: many simulated nodes share one machine's ports. */
export function createMemoryForwarder(options: { taken?: Set<number> } = {}): Forwarder {
  const owners = new Map<string, Map<string, ObservedForward>>();
  return {
    async open(owner, { name, port, hostPort, exposure }) {
      const table = owners.get(owner) ?? new Map<string, ObservedForward>();
      owners.set(owner, table);
      const conflict = options.taken?.has(hostPort);
      table.set(name, {
        port,
        hostPort,
        exposure,
        state: conflict ? 'Failed' : 'Open',
        ...(conflict && { reason: 'Conflict' as const, message: `port ${hostPort} is taken` }),
      });
    },
    async close(owner, name) {
      owners.get(owner)?.delete(name);
    },
    async closeAll(owner) {
      owners.delete(owner);
    },
    list: owner => Object.fromEntries(owners.get(owner) ?? []),
    connections: 0,
    get count() {
      return [...owners.values()].reduce((sum, table) => sum + table.size, 0);
    },
    async stop() {
      owners.clear();
    },
  };
}
