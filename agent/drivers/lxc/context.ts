import type { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import type { Logger } from '../../../controller/kit/log.ts';
import type { Endings } from '../process-tree.ts';
import type { LxdClient } from './api/lxd-client.ts';
import type { LxdFacts } from './lxd-facts.ts';

/** What every part of the driver is given. */
export interface LxcContext {
  lxd: LxdClient;
  node: string;
  /** Storage pool of instances and volumes; absent: the one that LXD's default profile names, or the only one. */
  pool?: string;
  /** A bridge of the operator's; absent: one of the node's own. */
  network?: string;
  /** TCP ports of the node that instances may reach, at the name node.nexus.internal. */
  allowHostPorts: readonly number[];
  endings: Endings;
  clock: Clock;
  log: Logger;
  /** Of what this driver made or saw, by LXD's name: events come without labels. */
  placements: { instances: BoundedMap<string, Known>; volumes: BoundedMap<string, Known> };
  /** Image servers by name. */
  remotes(): Promise<ReadonlyMap<string, string>>;
  /** Read once and kept; read again after LXD was away. */
  facts(): Promise<LxdFacts>;
}

export interface Known {
  /** Label nexus.dev/placement. */
  placement?: string;
}
