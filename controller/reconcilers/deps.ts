import type { PlacementSpec } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { EventRecorder } from '../runtime/reconciler.ts';

/** What writes as the controller in managedFields. Agents write as `nexus-agent`. */
export const FIELD_MANAGER = 'nexus-controller';

/** What every reconciler needs from outside. */
export interface ReconcilerDeps {
  client: Client;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  metrics?: Metrics;
  random?: () => number;
}

/** Public keys that may change while they are used. */
export interface SharedKeys {
  current(): readonly string[];
  /** Returns an unsubscribe. */
  onChange(handler: () => void): () => void;
}

/** A node that the controller itself makes. */
export interface LocalNode {
  name: string;
  labels?: Record<string, string>;
  /** With which its agent logs into the gateway: `ssh-ed25519 AAAA…`. */
  agentKeys?: string[];
}

/** Makes a client's certificate, in PEM, of a PKCS#10 request in PEM. Throws Error for a request that does not hold. */
export type SignRequest = (request: string, ttlMs: Milliseconds) => Promise<string>;

export interface ReconcilerOptions {
  /** Image of workspaces that name none. */
  defaultImage: string;
  /** Instead of it where another driver needs another image. */
  defaultImages?: Partial<Record<PlacementSpec['driver'], string>>;
  /**
   * Whether the API is the embedded server: then garbage collection, namespace deletion, default service accounts,
   * certificates and the end of Events are ours to do. Kubernetes does them itself.
   */
  embedded: boolean;
  /** The node of this machine, which the controller makes; it is made again when somebody deletes it. */
  localNode?: LocalNode;
  /** Public keys that may log into every workspace, beside its own. Defaults to none. */
  authorizedKeys?: SharedKeys;
  /** How long an agent may be silent before its node is not ready. Defaults to 40 s. */
  leaseGraceMs?: Milliseconds;
  /** How long a silent node holds up the deletion of its workspaces. Defaults to 1 h. */
  nodeLossDeleteMs?: Milliseconds;
  /** How long Events are kept, embedded only. Defaults to 1 h. */
  eventTtlMs?: Milliseconds;
  /** Signs certificates of clients, embedded only. Without it requests for them stay as they are. */
  signer?: { sign: SignRequest; maxTtlMs: Milliseconds };
  /** Workspaces that are reconciled side by side. Defaults to 8. */
  workers?: number;
}

export const DEFAULT_LEASE_GRACE_MS: Milliseconds = 40_000;
export const DEFAULT_NODE_LOSS_DELETE_MS: Milliseconds = 3_600_000;
export const DEFAULT_EVENT_TTL_MS: Milliseconds = 3_600_000;
