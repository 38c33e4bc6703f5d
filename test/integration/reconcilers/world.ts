import { createApiServer } from '../../../controller/apiserver/api-server.ts';
import type { Client } from '../../../controller/client/client.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { injectTransport } from '../../../controller/client/inject-transport.ts';
import type { Transport } from '../../../controller/client/transport.ts';
import { loadCrds, loadPolicy } from '../../../controller/defaults.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { ApiError, isApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { createReconcilers } from '../../../controller/reconcilers/create-reconcilers.ts';
import type { ReconcilerOptions } from '../../../controller/reconcilers/deps.ts';
import { createEventRecorder } from '../../../controller/runtime/event-recorder.ts';
import { createManager } from '../../../controller/runtime/manager.ts';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { EVENT, PLACEMENT, type Resource, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import type { Event, KubeObject } from '../../../crds/object.ts';
import type { Placement, Workspace, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { FakeAgent, type FakeAgentOptions } from '../../support/fake-agent.ts';

const DEADLINE_MS = 20_000;

/** A control plane in this process: the real API server over the in-memory store, the reconcilers, and fake agents. */
export class World {
  /** Requests of the controller that changed something, as `METHOD path`. */
  writes: string[] = [];
  /** Called before each such request: whether it is answered as if the server were away, and whether it was heard. */
  fault: ((write: string) => 'unheard' | 'unanswered' | undefined) | undefined;
  readonly agents = new Map<string, FakeAgent>();
  readonly client: Client;
  readonly metrics = new Metrics();
  readonly #app: Parameters<typeof injectTransport>[0];
  readonly #options: Partial<ReconcilerOptions>;
  readonly #closers: (() => Promise<unknown>)[];
  #stopController: () => Promise<void> = async () => {};

  constructor(
    app: Parameters<typeof injectTransport>[0],
    options: Partial<ReconcilerOptions>,
    closers: (() => Promise<unknown>)[],
  ) {
    this.#app = app;
    this.#options = options;
    this.#closers = closers;
    this.client = createClient({ transport: injectTransport(app), userAgent: 'test' });
  }

  static async start(
    options: Partial<ReconcilerOptions> & { withoutController?: boolean } = {},
  ): Promise<World> {
    const store = createMemoryStore();
    const server = await createApiServer({
      store,
      crds: loadCrds(),
      policy: loadPolicy(),
      authenticator: { authenticate: () => ({ name: 'admin', groups: ['system:masters'] }) },
    });
    await server.app.ready();
    const app = server.app as unknown as Parameters<typeof injectTransport>[0];
    const world = new World(app, options, [() => server.close(), () => store.close()]);
    if (!options.withoutController) world.startController();
    return world;
  }

  /** Its own client and caches, as a process of its own would have. */
  startController(): void {
    const transport = this.#count(injectTransport(this.#app));
    const client = createClient({ transport, userAgent: 'controller' });
    const abort = new AbortController();
    const deps = { client, clock: systemClock, log: silentLogger };
    const recorder = createEventRecorder({ ...deps, component: 'nexus-controller', signal: abort.signal });
    const { informers, controllers } = createReconcilers(
      { ...deps, recorder, metrics: this.metrics },
      { defaultImage: 'debian:12', embedded: true, ...this.#options },
    );
    const manager = createManager(deps);
    manager.add(...informers);
    manager.addLeading(...controllers);
    const ended = manager.run(abort.signal);
    this.#stopController = async () => {
      abort.abort();
      await ended;
      await client.close();
    };
  }

  async stopController(): Promise<void> {
    await this.#stopController();
    this.#stopController = async () => {};
  }

  async addAgent(node: string, options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    const client = createClient({ transport: injectTransport(this.#app), userAgent: 'agent' });
    const agent = new FakeAgent({ client, clock: systemClock, node, ...options });
    this.agents.set(node, agent);
    await agent.start();
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.agents.values()].map(agent => agent.stop()));
    await this.stopController();
    await this.client.close();
    for (const close of this.#closers) await close();
  }

  apply(name: string, spec: WorkspaceSpec = {}, namespace = 'default'): Promise<Workspace> {
    const object: Workspace = {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name, namespace },
      spec,
    };
    return this.client.apply(WORKSPACE, object, { fieldManager: 'test', force: true });
  }

  patch(name: string, body: object): Promise<Workspace> {
    return this.client.patch(WORKSPACE, { name, namespace: 'default' }, 'merge', body);
  }

  workspace(name: string, namespace = 'default'): Promise<Workspace | undefined> {
    return this.find(WORKSPACE, { name, namespace });
  }

  async find<T extends KubeObject>(
    resource: Resource<T>,
    key: { name: string; namespace?: string },
  ): Promise<T | undefined> {
    try {
      return await this.client.get(resource, key);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async placements(uid?: string): Promise<Placement[]> {
    const labelSelector = uid && `${LABEL_WORKSPACE_UID}=${uid}`;
    return (await this.client.list(PLACEMENT, { ...(labelSelector && { labelSelector }) })).items;
  }

  async events(reason: string, namespace = 'default'): Promise<Event[]> {
    return (await this.client.list(EVENT, { namespace })).items.filter(event => event.reason === reason);
  }

  /** The workspace once `test` holds for it; throws with what it is like when that takes too long. */
  async until(name: string, test: (workspace: Workspace) => boolean): Promise<Workspace> {
    let last: Workspace | undefined;
    const found = await this.eventually(
      async () => {
        last = await this.workspace(name);
        return last && test(last) ? last : undefined;
      },
      () => `${name} is ${JSON.stringify(last?.status, undefined, 1)}`,
    );
    return found;
  }

  phase(name: string, phase: string): Promise<Workspace> {
    return this.until(
      name,
      ({ metadata, status }) => status?.phase === phase && status.observedGeneration === metadata.generation,
    );
  }

  gone(name: string): Promise<boolean> {
    return this.eventually(
      async () => !(await this.workspace(name)),
      () => `${name} is still there`,
    );
  }

  async eventually<T>(
    look: () => Promise<T | undefined | false> | T | undefined | false,
    describe: () => string = () => 'it did not happen',
  ): Promise<T> {
    const deadline = systemClock.now() + DEADLINE_MS;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (systemClock.now() > deadline) throw new Error(describe());
      await systemClock.sleep(20);
    }
  }

  /** Waits until the controller has written nothing for `ms`; returns how often it wrote until then. */
  async settled(ms = 1500): Promise<number> {
    const deadline = systemClock.now() + DEADLINE_MS;
    let count = -1;
    let since = systemClock.now();
    while (systemClock.now() - since < ms) {
      if (this.writes.length !== count) {
        count = this.writes.length;
        since = systemClock.now();
      }
      if (systemClock.now() > deadline)
        throw new Error(`still writing: ${this.writes.slice(-10).join('\n')}`);
      await systemClock.sleep(50);
    }
    return count;
  }

  #count(transport: Transport): Transport {
    return {
      request: async request => {
        const write = `${request.method} ${request.path}`;
        if (request.method === 'GET') return transport.request(request);
        const fault = this.fault?.(write);
        const away = new ApiError('Unreachable', `no answer to ${write}`);
        if (fault === 'unheard') throw away;
        this.writes.push(write);
        const response = await transport.request(request);
        if (fault !== 'unanswered') return response;
        response.destroy();
        throw away;
      },
      close: () => transport.close(),
    };
  }
}
