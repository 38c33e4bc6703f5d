import type { Client } from '../controller/client/client.ts';
import type { Clock, Milliseconds } from '../controller/kit/clock.ts';
import type { Logger } from '../controller/kit/log.ts';
import type { EventRecorder } from '../controller/runtime/reconciler.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { DriverName } from './driver.ts';
import type { EngineView } from './engine/engine-view.ts';
import type { Fence } from './fence/fence.ts';
import type { Forwarder } from './forwards/forwarder.ts';
import type { Guest } from './guest/guest.ts';
import type { Probe } from './health/probe.ts';
import type { HostKeys } from './host-keys.ts';
import type { NodeFacts } from './model/node-facts.ts';
import type { Unit } from './reconcile/unit.ts';
import type { ServerClock } from './server-clock.ts';
import type { TunnelFactory } from './ssh/tunnel.ts';
import type { StatusWriter } from './status/status-writer.ts';

/** One driver with all that is needed to work with its instances. */
export interface Backend {
  readonly name: DriverName;
  readonly view: EngineView;
  readonly guest: Guest;
  readonly facts: NodeFacts;
  readonly forwarder: Forwarder;
  readonly tunnel: TunnelFactory;
  readonly probe: (unit: Unit) => Probe;
}

/** What passes over placements share. Built in main.ts alone. */
export interface AgentContext {
  readonly nodeName: string;
  readonly namespace: string;
  readonly client: Client;
  readonly clock: Clock;
  /** The server's time: what others read is stamped with it. */
  readonly serverClock: Pick<ServerClock, 'aheadMs'>;
  readonly log: Logger;
  readonly random: () => number;
  readonly backends: ReadonlyMap<DriverName, Backend>;
  readonly events: EventRecorder;
  readonly checkpoint: Checkpoint;
  readonly hostKeys: HostKeys;
  readonly statuses: StatusWriter;
  readonly metrics: AgentMetrics;
  /** Whether what may be moved may run here. */
  readonly fence: Fence;
  /** How long the volume of a workspace that moved away is kept. */
  readonly keepMovedVolumesMs: Milliseconds;
  /** How long the complete form of an image is kept that nobody uses. */
  readonly keepImagesMs: Milliseconds;
  /** Asks for a pass over a placement. */
  readonly wake: (placement: string) => void;
}
