import type { Client } from '../../controller/client/client.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { microTimestamp, timestamp } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { type Logger, silentLogger } from '../../controller/kit/log.ts';
import { secretHash } from '../../controller/kit/secret-hash.ts';
import { setCondition } from '../../controller/runtime/conditions.ts';
import { createController, watch } from '../../controller/runtime/controller.ts';
import { removeFinalizer } from '../../controller/runtime/finalizers.ts';
import { createInformer } from '../../controller/runtime/informer.ts';
import { patchStatusIfChanged } from '../../controller/runtime/patch-status.ts';
import { done, type Outcome } from '../../controller/runtime/reconciler.ts';
import { LEASE, NODE, PLACEMENT, SECRET } from '../../crds/kinds.ts';
import { FINALIZER_PLACEMENT, nodeNamespace } from '../../crds/names.ts';
import type { Condition, Lease } from '../../crds/object.ts';
import type { NodeSpec, NodeStatus, Placement, PlacementStatus } from '../../crds/types.generated.ts';

export interface FakeAgentOptions {
  client: Client;
  clock: Clock;
  node: string;
  log?: Logger;
  spec?: NodeSpec;
  labels?: Record<string, string>;
  allocatable?: NodeStatus['allocatable'];
  /** Between renewals of the Lease. Defaults to 1 s. */
  renewMs?: number;
}

/** What the fake runs for a placement. */
export interface FakeContainer {
  /** Of the workspace it was made for. */
  uid: string;
  running: boolean;
  image: string;
  /** The placement's Secret as it was last read. */
  secret: Record<string, string>;
}

/**
 * An agent that runs nothing and says it does: it keeps `containers` as its node's placements ask, and reports as a real
 * one. It waits for a Secret whose digest its placement names, and removes what it made before it lets a placement go.
 */
export class FakeAgent {
  readonly containers = new Map<string, FakeContainer>();
  /** Ports of the node that something else holds. */
  readonly busyPorts = new Set<number>();
  /** Deletions are not answered. */
  isStuck = false;
  /** Overrides the conditions it reports, by placement name. */
  readonly faults = new Map<string, { type: string; reason: string }>();
  readonly #options: FakeAgentOptions;
  readonly #stop = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();

  constructor(options: FakeAgentOptions) {
    this.#options = options;
  }

  /** Registers the node and works until `stop`. */
  async start(): Promise<void> {
    const { client, clock, node, log = silentLogger } = this.#options;
    const { signal } = this.#stop;
    await this.#register();
    const namespace = nodeNamespace(node);
    const common = { client, clock, log };
    const placements = createInformer({ ...common, resource: PLACEMENT, namespace });
    const secrets = createInformer({ ...common, resource: SECRET, namespace });
    const controller = createController({
      clock,
      log,
      reconciler: {
        name: `fake-agent-${node}`,
        reconcile: async key => {
          const placement = placements.get(key.name, key.namespace);
          if (!placement) {
            this.containers.delete(key.name);
            return done;
          }
          const data = secrets.get(placement.spec.secretName ?? '', namespace)?.data;
          return this.#reconcile(placement, data);
        },
      },
      watches: [watch(placements), watch(secrets)],
    });
    this.#ended = Promise.all([
      placements.run(signal),
      secrets.run(signal),
      controller.run(signal),
      this.#renew(signal),
    ]);
  }

  /** As a kill: what it keeps and what it reported stay. Resolves when it does nothing more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #register(): Promise<void> {
    const { client, node, spec, labels } = this.#options;
    const apiVersion = 'nexus.dev/v1alpha1';
    await client
      .create(NODE, { apiVersion, kind: 'Node', metadata: { name: node, labels }, ...(spec && { spec }) })
      .catch(error => {
        if (!isApiError(error, 'AlreadyExists')) throw error;
      });
    const status: NodeStatus = {
      address: `${node}.test`,
      drivers: [{ name: 'memory', ready: true }],
      allocatable: this.#options.allocatable ?? { cpu: '64', memory: '64Gi', disk: '1Ti' },
    };
    await client.apply(
      NODE,
      { apiVersion, kind: 'Node', metadata: { name: node }, status },
      { fieldManager: 'nexus-agent', force: true, subresource: 'status' },
    );
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, clock, node } = this.#options;
    while (!signal.aborted) {
      const renewTime = microTimestamp(clock.now());
      const lease: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: node, namespace: nodeNamespace(node) },
        spec: { holderIdentity: node, renewTime },
      };
      let delayMs = this.#options.renewMs ?? 1000;
      try {
        await client.apply(LEASE, lease, { fieldManager: 'nexus-agent', force: true, signal });
      } catch {
        // Its namespace is not there yet.
        delayMs = 20;
      }
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }

  async #reconcile(placement: Placement, secret: Record<string, string> | undefined): Promise<Outcome> {
    const { client } = this.#options;
    const { name } = placement.metadata;
    if (placement.metadata.deletionTimestamp) {
      if (this.isStuck) return done;
      this.containers.delete(name);
      await removeFinalizer(client, PLACEMENT, placement, FINALIZER_PLACEMENT, {
        fieldManager: 'nexus-agent',
      });
      return done;
    }
    const { spec } = placement;
    // The Secret comes after a new placement, and before a changed one.
    if (!secret || (secretHash(secret) !== spec.secretHash && spec.running))
      return { kind: 'waiting', reason: 'Secret' };
    const running = spec.running && !this.#conflicts(placement).length;
    this.containers.set(name, { uid: spec.workspace.uid, running, image: spec.image, secret });
    await patchStatusIfChanged(client, PLACEMENT, placement, this.#observe(placement), {
      fieldManager: 'nexus-agent',
    });
    return done;
  }

  #conflicts({ spec }: Placement): number[] {
    return [spec.ssh.port, ...(spec.forwards ?? []).map(f => f.hostPort)].filter(port =>
      this.busyPorts.has(port),
    );
  }

  #observe(placement: Placement): PlacementStatus {
    const { spec, metadata, status: before } = placement;
    const conflicts = this.#conflicts(placement);
    const running = spec.running && conflicts.length === 0;
    const fault = this.faults.get(metadata.name);
    let conditions = (before?.conditions ?? []) as Condition[];
    const nowMs = this.#options.clock.now();
    const say = (type: string, isTrue: boolean, reason: string) => {
      const failed = fault?.type === type;
      const status = isTrue && !failed ? ('True' as const) : ('False' as const);
      const told = { type, status, reason: failed ? fault.reason : reason, message: `${type}.` };
      conditions = setCondition(conditions, told, nowMs);
    };
    say('ImageReady', true, 'ImagePresent');
    say('ContainerReady', running, running ? 'ContainerRunning' : 'ContainerStopped');
    say('RepositoryReady', running, running ? 'NoRepository' : 'Stopped');
    say('SSHReady', running, running ? 'SSHListening' : 'Stopped');
    say('ServicesReady', running, running ? 'ServicesHealthy' : 'Stopped');
    say('PortsReady', running, conflicts.length ? 'PortConflict' : running ? 'PortsOpen' : 'Stopped');
    const isReady = running && !fault;
    say('Ready', isReady, isReady ? 'Ready' : spec.running ? 'Progressing' : 'Stopped');
    return {
      observedGeneration: metadata.generation,
      workspaceGeneration: spec.workspace.generation,
      conditions,
      ...(running && spec.restartedAt !== undefined && { restartedAt: spec.restartedAt }),
      container: { id: `c-${metadata.uid}`, state: running ? 'Running' : 'Stopped', image: spec.image },
      services: spec.services?.map(service => ({
        name: service.name,
        state: running ? ('Running' as const) : ('Stopped' as const),
        ...(running && { health: 'Healthy' as const }),
        since: before?.services?.find(s => s.name === service.name)?.since ?? timestamp(nowMs),
      })),
      forwards: spec.forwards?.map(forward => ({ ...forward, ...(running && { state: 'Open' as const }) })),
      ...(conflicts.length > 0 && { portConflicts: conflicts }),
    };
  }
}
