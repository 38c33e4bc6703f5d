import type { Test } from 'tap';
import { createMemoryDriver } from '../../agent/drivers/memory/memory-driver.ts';
import { MemoryEngine } from '../../agent/drivers/memory/memory-engine.ts';
import { createMemoryGuest } from '../../agent/guest/memory-guest.ts';
import type { MemoryOutcomes } from '../../agent/guest/memory-outcomes.ts';
import { type AgentOptions, runAgent } from '../../agent/main.ts';
import { createApiServer } from '../../controller/apiserver/api-server.ts';
import type { Client } from '../../controller/client/client.ts';
import { createClient } from '../../controller/client/create-client.ts';
import { injectTransport } from '../../controller/client/inject-transport.ts';
import type { Transport } from '../../controller/client/transport.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import { ApiError } from '../../controller/kit/errors.ts';
import { secretHash } from '../../controller/kit/secret-hash.ts';
import { ensureNode } from '../../controller/reconcilers/node/ensure-node.ts';
import { createMemoryStore } from '../../controller/store/memory.ts';
import { EVENT, PLACEMENT, SECRET } from '../../crds/kinds.ts';
import { nodeNamespace } from '../../crds/names.ts';
import type { Event } from '../../crds/object.ts';
import type { Placement, PlacementSpec } from '../../crds/types.generated.ts';
import { placementSecret, placementSpec, type SpecPatch } from './agent-data.ts';
import { recordingLogger } from './recording-logger.ts';
import { tellWhenFailed } from './tell-when-failed.ts';
import { until, within } from './until.ts';

const WAIT_MS = 20_000;

/** A real API server over the in-memory store, and what a controller and an admin do to it. */
export class AgentLab {
  readonly node: string;
  readonly namespace: string;
  /** An admin's. */
  readonly admin: Client;
  /** Writes of agents, as `PATCH /apis/…`; leases and nodes left out. */
  readonly writes: string[] = [];
  /** While true nobody reaches the server. */
  isAway = false;
  /** Requests of agents while it was away. */
  refused = 0;
  /** `http://127.0.0.1:…` for agents in processes of their own, and their token. Listens at the first call. */
  readonly serve: () => Promise<{ url: string; token: string }>;
  readonly #transport: () => Transport;
  readonly #t: Test;
  readonly #agents = recordingLogger();
  #cut = new AbortController();

  private constructor(
    t: Test,
    node: string,
    transports: { admin: Transport; agent: () => Transport; serve: AgentLab['serve'] },
  ) {
    this.serve = transports.serve;
    this.#t = t;
    this.node = node;
    this.namespace = nodeNamespace(node);
    this.admin = createClient({ transport: transports.admin });
    this.#transport = transports.agent;
  }

  static async open(t: Test, node = 'n1'): Promise<AgentLab> {
    const store = createMemoryStore();
    const server = await createApiServer({ store, crds: loadCrds(), policy: loadPolicy() });
    const { token: adminToken } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
    const { token: agentToken } = await server.tokens.create({
      user: `nexus:node:${node}`,
      groups: ['nexus:nodes'],
    });
    const bearer = (token: string) => injectTransport(server.app, { authorization: `Bearer ${token}` });
    let listening: Promise<{ url: string }> | undefined;
    const lab = new AgentLab(t, node, {
      admin: bearer(adminToken),
      agent: () => bearer(agentToken),
      serve: async () => {
        listening ??= server.listen({ host: '127.0.0.1', port: 0 });
        return { url: (await listening).url, token: agentToken };
      },
    });
    t.teardown(async () => {
      await server.close();
      await store.close();
    });
    tellWhenFailed(t, () => ({ client: lab.admin, logs: { agents: () => lab.#agents.lines.join('\n') } }));
    await ensureNode(lab.admin, { name: node });
    return lab;
  }

  /** A client with a node's own rights, that counts what it writes and can be cut off. */
  agentClient(): Client {
    const inner = this.#transport();
    return createClient({
      transport: {
        request: async request => {
          if (this.isAway) {
            this.refused++;
            throw new ApiError('Unreachable', 'the server is away');
          }
          if (request.method !== 'GET' && !/\/leases|\/nodes/.test(request.path))
            this.writes.push(`${request.method} ${request.path}`);
          const signal = request.signal
            ? AbortSignal.any([request.signal, this.#cut.signal])
            : this.#cut.signal;
          return inner.request({ ...request, signal });
        },
        close: () => inner.close(),
      },
    });
  }

  /** The server goes away, watches and all. */
  goAway(): void {
    this.isAway = true;
    this.#cut.abort(new ApiError('Unreachable', 'the server went away'));
    this.#cut = new AbortController();
  }

  comeBack(): void {
    this.isAway = false;
  }

  /** As the controller does: the Secret first, then the Placement that speaks of it. */
  async place(name: string, patch: SpecPatch = {}, values: Record<string, string> = {}): Promise<Placement> {
    const secret = placementSecret(this.node, `${name}.default`, values);
    await this.admin.create(SECRET, secret);
    const spec = {
      ...placementSpec(name, { nodeName: this.node, ...patch }),
      secretHash: secretHash(secret.data),
    };
    return this.admin.create(PLACEMENT, {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Placement',
      metadata: { name: `${name}.default`, namespace: this.namespace },
      spec,
    });
  }

  /** Changes the spec as the controller would. */
  async edit(name: string, change: (spec: PlacementSpec) => void): Promise<Placement> {
    return until(
      async () => {
        const placement = structuredClone(await this.get(name));
        change(placement.spec);
        return this.admin.update(PLACEMENT, placement).catch(error => {
          if (error instanceof ApiError && error.reason === 'Conflict') return undefined;
          throw error;
        });
      },
      { timeoutMs: WAIT_MS, what: () => `an edit of ${name}`, everyMs: 5 },
    );
  }

  /** New values of the Secret, and the spec that speaks of it. */
  async editSecret(name: string, values: Record<string, string>): Promise<void> {
    const secret = placementSecret(this.node, `${name}.default`, values);
    await this.admin.update(SECRET, secret);
    await this.edit(name, spec => {
      spec.secretHash = secretHash(secret.data);
    });
  }

  get(name: string): Promise<Placement> {
    return this.admin.get(PLACEMENT, { namespace: this.namespace, name: `${name}.default` });
  }

  delete(name: string): Promise<void> {
    return this.admin.delete(PLACEMENT, { namespace: this.namespace, name: `${name}.default` });
  }

  /** Waits until `look` holds for the placement as the API has it. */
  async untilPlacement(
    name: string,
    what: string,
    look: (placement: Placement) => unknown,
    timeoutMs = WAIT_MS,
  ): Promise<Placement> {
    let last: Placement | undefined;
    return until(
      async () => {
        last = await this.get(name);
        return look(last) ? last : undefined;
      },
      { timeoutMs, what: () => `${name}: ${what}\n${JSON.stringify(last?.status, null, 1)}`, everyMs: 20 },
    );
  }

  /** Waits until the condition has that reason, at the present generation. */
  untilReason(name: string, type: string, reason: string, timeoutMs = WAIT_MS): Promise<Placement> {
    return this.untilPlacement(
      name,
      `${type} ${reason}`,
      ({ metadata, status }) => {
        const condition = status?.conditions?.find(item => item.type === type);
        return condition?.reason === reason && condition.observedGeneration === metadata.generation;
      },
      timeoutMs,
    );
  }

  ready(name: string, timeoutMs = WAIT_MS): Promise<Placement> {
    return this.untilReason(name, 'Ready', 'Ready', timeoutMs);
  }

  async untilGone(name: string, timeoutMs = WAIT_MS): Promise<void> {
    await until(
      async () => {
        const found = await this.get(name).catch(error => {
          if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
          throw error;
        });
        return !found;
      },
      { timeoutMs, what: () => `${name} to go`, everyMs: 20 },
    );
  }

  async events(): Promise<Event[]> {
    return (await this.admin.list<Event>(EVENT, { namespace: this.namespace })).items;
  }

  /** Waits until an Event of that reason is there for the placement, `count` times. */
  untilEvent(name: string, reason: string, count = 1): Promise<Event> {
    return until(
      async () => {
        const found = (await this.events()).filter(
          event => event.reason === reason && event.involvedObject.name === `${name}.default`,
        );
        const total = found.reduce((sum, event) => sum + (event.count ?? 1), 0);
        return total >= count ? found[0] : undefined;
      },
      { timeoutMs: WAIT_MS, what: () => `the event ${reason} of ${name}` },
    );
  }

  /** Starts an agent of the node; it is stopped with the test. */
  start(options: Partial<AgentOptions>): RunningAgent {
    const abort = new AbortController();
    const { promise: ready, resolve: onReady } = Promise.withResolvers<void>();
    const ended = runAgent(
      { nodeName: this.node, client: this.agentClient(), log: this.#agents.log, onReady, ...options },
      abort.signal,
    );
    // A start that fails must not wait for ever.
    const started = within(Promise.race([ready, ended]), {
      timeoutMs: 60_000,
      what: () => 'an agent to be at work',
    });
    started.catch(() => {});
    const stop = async () => {
      abort.abort();
      await within(ended, { timeoutMs: 60_000, what: () => 'an agent to end' });
    };
    this.#t.teardown(() => stop().catch(() => {}));
    return { ready: started, stop };
  }
}

export interface RunningAgent {
  ready: Promise<void>;
  stop(): Promise<void>;
}

/** An in-memory engine, and agents that run over it. */
export function memoryNode(lab: AgentLab, outcomes: Partial<MemoryOutcomes> = {}) {
  const engine = new MemoryEngine();
  const make = () => {
    const driver = createMemoryDriver({ node: lab.node, engine });
    return { driver, guest: createMemoryGuest({ driver, clock: systemClock, outcomes }) };
  };
  const { driver, guest } = make();
  return {
    engine,
    driver,
    /** A hand for tests, on the same insides that the agent works on. */
    guest,
    outcomes,
    /** The one instance of a placement. Throws unless there is exactly one. */
    instance(name: string) {
      const found = [...engine.instances.values()].filter(
        ({ spec }) => spec.labels['nexus.dev/placement'] === `${name}.default`,
      );
      if (found.length !== 1) throw new Error(`${found.length} instances of ${name}`);
      return found[0]!;
    },
    start: (options: Partial<AgentOptions> = {}) => lab.start({ drivers: [make()], ...options }),
  };
}
