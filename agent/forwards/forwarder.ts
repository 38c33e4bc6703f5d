import type { PlacementForward } from '../../crds/kinds.ts';
import type { ObservedForward } from '../model/observed.ts';

/** Ports of this node that lead into its workspaces. One for the whole node: it knows who holds which port. */
export interface Forwarder {
  /**
   * Listens, or points what listens on the same port to another one inside; connections that are there live on.
   * Never rejects: what it came to is in `list`.
   */
  open(owner: string, forward: PlacementForward): Promise<void>;
  /** Stops listening and ends its connections. Unknown is success. */
  close(owner: string, name: string): Promise<void>;
  closeAll(owner: string): Promise<void>;
  /** By name. A copy. */
  list(owner: string): Record<string, ObservedForward>;
  /** Open connections, for metrics. */
  readonly connections: number;
  readonly count: number;
  stop(): Promise<void>;
}
