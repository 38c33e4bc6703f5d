import type { PlacementForward } from '../../../crds/kinds.ts';
import type { PortRange } from './requests.ts';

export interface PortRequest {
  /** Ports in the workspace, each to be given a port of the node. Names are unique. */
  forwards: readonly { name: string; port: number; exposure: 'Private' | 'Node' }[];
  /** What was given out before; kept wherever it can be. */
  existing?: { ssh: number; forwards: readonly PlacementForward[] };
  ranges: { ssh: PortRange; services: PortRange };
  /** Whether a port must not be given out anew: another placement has it, or something else on the node holds it. */
  isTaken(port: number): boolean;
  /** Whether a port that was given out before must be given up. */
  isLost(port: number): boolean;
}

export type PortAllocation =
  | { ssh: number; forwards: PlacementForward[] }
  /** The range that has no free port left. */
  | { exhausted: 'ssh' | 'services'; range: PortRange };

/**
 * Gives out ports of a node: one for SSH, one for each forward, the lowest that is free in the node's range. A forward
 * keeps its port by its name, though the range may have changed since. Deterministic.
 */
export function allocatePorts(request: PortRequest): PortAllocation {
  const { existing, ranges } = request;
  const given = new Set<number>();
  const keep = (port: number | undefined) => {
    if (port === undefined || given.has(port) || request.isLost(port)) return undefined;
    given.add(port);
    return port;
  };
  const keptSsh = keep(existing?.ssh);
  const before = new Map(existing?.forwards.map(forward => [forward.name, forward.hostPort]));
  const kept = request.forwards.map(forward => keep(before.get(forward.name)));

  const findFree = (range: PortRange, start: number) => {
    for (let port = start; port <= range.to; port++)
      if (!given.has(port) && !request.isTaken(port)) {
        given.add(port);
        return port;
      }
    return undefined;
  };

  const ssh = keptSsh ?? findFree(ranges.ssh, ranges.ssh.from);
  if (ssh === undefined) return { exhausted: 'ssh', range: ranges.ssh };
  const forwards: PlacementForward[] = [];
  let start = ranges.services.from;
  for (const [i, { name, port, exposure }] of request.forwards.entries()) {
    const fresh = kept[i] === undefined ? findFree(ranges.services, start) : undefined;
    if (fresh !== undefined) start = fresh + 1;
    const hostPort = kept[i] ?? fresh;
    if (hostPort === undefined) return { exhausted: 'services', range: ranges.services };
    forwards.push({ name, port, hostPort, exposure });
  }
  return { ssh, forwards };
}
