import { type ApiServer, createApiServer } from '../../controller/apiserver/api-server.ts';
import type { Client } from '../../controller/client/client.ts';
import { createClient } from '../../controller/client/create-client.ts';
import { type Injectable, injectTransport } from '../../controller/client/inject-transport.ts';
import type { Transport } from '../../controller/client/transport.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { type Clock, systemClock } from '../../controller/kit/clock.ts';
import { ApiError } from '../../controller/kit/errors.ts';
import { silentLogger } from '../../controller/kit/log.ts';
import { Metrics } from '../../controller/kit/metrics.ts';
import { createReconcilers } from '../../controller/reconcilers/create-reconcilers.ts';
import type { ReconcilerOptions } from '../../controller/reconcilers/deps.ts';
import { createEventRecorder } from '../../controller/runtime/event-recorder.ts';
import { createManager } from '../../controller/runtime/manager.ts';
import { createMemoryStore } from '../../controller/store/memory.ts';
import type { Store } from '../../controller/store/store.ts';
import { EVENT, PLACEMENT, WORKSPACE } from '../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID } from '../../crds/names.ts';
import type { Event } from '../../crds/object.ts';
import type { Placement, Workspace, WorkspaceSpec } from '../../crds/types.generated.ts';

export interface ControlPlaneOptions {
  /** Of the server. */
  store: Pick<Store, 'revision'>;
  /** Defaults to the system's. */
  clock?: Clock;
  random?: () => number;
  controller?: Partial<ReconcilerOptions>;
}

/** A control plane in this process: the real API server over the in-memory store, and the reconcilers. */
export class ControlPlane {
  /** Requests of the controller that changed something, as `METHOD path`. */
  writes: string[] = [];
  /** Called before each such request: whether it is answered as if the server were away, and whether it was heard. */
  fault: ((write: string) => 'unheard' | 'unanswered' | undefined) | undefined;
  /** As an admin. */
  readonly client: Client;
  readonly server: ApiServer;
  readonly metrics = new Metrics();
  readonly #options: ControlPlaneOptions;
  readonly #found = new Map<string, { revision: number; found: unknown }>();
  #controller: { abort: AbortController; ended: Promise<unknown>; client: Client } | undefined;

  /** `admin`: a token. */
  protected constructor(server: ApiServer, admin: string, options: ControlPlaneOptions) {
    this.server = server;
    this.#options = options;
    this.client = createClient({ transport: this.#inject(admin), userAgent: 'test', clock: this.#clock });
  }

  /** A server over a fresh store, a token of an admin, and what ends all. */
  protected static async serve(
    clock?: Clock,
  ): Promise<{ server: ApiServer; store: Store; admin: string; close(): Promise<void> }> {
    const store = createMemoryStore();
    const server = await createApiServer({
      store,
      crds: loadCrds(),
      policy: loadPolicy(),
      ...(clock && { clock }),
    });
    await server.app.ready();
    const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
    const close = async () => {
      await server.close();
      await store.close();
    };
    return { server, store, admin: token, close };
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  #inject(token: string): Transport {
    return injectTransport(this.server.app as unknown as Injectable, { authorization: `Bearer ${token}` });
  }

  /** A way to the server as somebody. */
  async transport(user: string, groups: string[]): Promise<Transport> {
    const { token } = await this.server.tokens.create({ user, groups });
    return this.#inject(token);
  }

  /** Its own client and caches, as a process of its own would have. */
  async startController(): Promise<void> {
    const { random } = this.#options;
    const transport = this.#faulty(await this.transport('controller', ['system:masters']));
    const client = createClient({ transport, userAgent: 'controller', clock: this.#clock });
    const abort = new AbortController();
    const deps = { client, clock: this.#clock, log: silentLogger, ...(random && { random }) };
    const recorder = createEventRecorder({ ...deps, component: 'nexus-controller', signal: abort.signal });
    const { informers, controllers } = createReconcilers(
      { ...deps, recorder, metrics: this.metrics },
      { defaultImage: 'debian:12', embedded: true, ...this.#options.controller },
    );
    const manager = createManager(deps);
    manager.add(...informers);
    manager.addLeading(...controllers);
    this.#controller = { abort, client, ended: manager.run(abort.signal) };
  }

  async stopController(): Promise<void> {
    const controller = this.#controller;
    if (!controller) return;
    this.#controller = undefined;
    controller.abort.abort();
    await controller.ended;
    await controller.client.close();
  }

  /** By server-side apply, as `test`. */
  apply(name: string, spec: WorkspaceSpec = {}, namespace = 'default'): Promise<Workspace> {
    const object: Workspace = {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name, namespace },
      spec,
    };
    return this.client.apply(WORKSPACE, object, { fieldManager: 'test', force: true });
  }

  /** Of all nodes, or those of one workspace. */
  async placements(uid?: string): Promise<Placement[]> {
    const labelSelector = uid && `${LABEL_WORKSPACE_UID}=${uid}`;
    return this.unlessSame(
      `placements ${uid}`,
      async () => (await this.client.list(PLACEMENT, { ...(labelSelector && { labelSelector }) })).items,
    );
  }

  /** What `read` gives; what it gave last where nothing was written since. Tests ask at every step. */
  protected async unlessSame<T>(key: string, read: () => Promise<T>): Promise<T> {
    const { revision } = this.#options.store;
    const last = this.#found.get(key);
    if (last?.revision === revision) return last.found as T;
    const found = await read();
    this.#found.set(key, { revision, found });
    return found;
  }

  async events(reason: string, namespace = 'default'): Promise<Event[]> {
    return (await this.client.list(EVENT, { namespace })).items.filter(event => event.reason === reason);
  }

  #faulty(inner: Transport): Transport {
    return {
      request: async request => {
        if (request.method === 'GET') return inner.request(request);
        const write = `${request.method} ${request.path}`;
        const fault = this.fault?.(write);
        const away = new ApiError('Unreachable', `no answer to ${write}`);
        if (fault === 'unheard') throw away;
        this.writes.push(write);
        const response = await inner.request(request);
        if (fault !== 'unanswered') return response;
        response.destroy();
        throw away;
      },
      close: () => inner.close(),
    };
  }
}
