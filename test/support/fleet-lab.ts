import type { Test } from 'tap';
import { createMemoryDriver } from '../../agent/drivers/memory/memory-driver.ts';
import { MemoryEngine, type MemoryInstance } from '../../agent/drivers/memory/memory-engine.ts';
import { createMemoryGuest } from '../../agent/guest/memory-guest.ts';
import { type AgentOptions, runAgent } from '../../agent/main.ts';
import type { ApiServer } from '../../controller/apiserver/api-server.ts';
import { createClient } from '../../controller/client/create-client.ts';
import type { Transport } from '../../controller/client/transport.ts';
import { ApiError } from '../../controller/kit/errors.ts';
import { silentLogger } from '../../controller/kit/log.ts';
import type { ReconcilerOptions } from '../../controller/reconcilers/deps.ts';
import { ensureNode } from '../../controller/reconcilers/node/ensure-node.ts';
import type { Store } from '../../controller/store/store.ts';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID } from '../../crds/names.ts';
import type { Node, Workspace, WorkspaceSpec } from '../../crds/types.generated.ts';
import { ControlPlane } from './control-plane.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { Sandbox } from './sandbox.ts';

interface FleetOptions {
  controller?: Partial<ReconcilerOptions>;
  agent?: Partial<AgentOptions>;
}

/** Time moves in such steps, and everything that falls due is let run in between. */
const STEP_MS = 500;

/**
 * A whole fleet in this process, on one clock that a test moves: the API server, the reconcilers, and on each node a real
 * agent over an engine in memory. At every moment it is checked that no workspace runs twice.
 */
export class Fleet extends ControlPlane {
  readonly clock: FakeClock;
  readonly nodes = new Map<string, FleetNode>();
  /** What must never happen, and did. */
  readonly violations: string[] = [];
  isServerAway = false;
  readonly #agentOptions: Partial<AgentOptions>;
  #cut = new AbortController();

  private constructor(
    { server, store, admin }: { server: ApiServer; store: Store; admin: string },
    clock: FakeClock,
    options: FleetOptions,
  ) {
    super(server, admin, { store, clock, random: () => 0.5, controller: options.controller ?? {} });
    this.clock = clock;
    this.#agentOptions = options.agent ?? {};
  }

  static async open(t: Test, names: string[], options: FleetOptions = {}): Promise<Fleet> {
    const clock = new FakeClock();
    const { close, ...served } = await ControlPlane.serve(clock);
    const fleet = new Fleet(served, clock, options);
    t.teardown(async () => {
      await fleet.close();
      await close();
    });
    await fleet.startController();
    for (const name of names) await fleet.addNode(name);
    await fleet.until(
      'every node to be ready',
      async () => (await fleet.readyNodes()).length === names.length,
    );
    return fleet;
  }

  async addNode(name: string, options: Partial<AgentOptions> = {}): Promise<FleetNode> {
    await ensureNode(this.client, { name });
    const transport = await this.transport(`nexus:node:${name}`, ['nexus:nodes']);
    const node = new FleetNode(this, name, transport, { ...this.#agentOptions, ...options });
    this.nodes.set(name, node);
    node.engine.onChange((instance, type) => {
      if (type === 'started') this.#checkAlone(node, instance);
    });
    node.start();
    return node;
  }

  override async stopController(): Promise<void> {
    await this.#whileTimePasses(super.stopController());
  }

  /** The server and its reconcilers go away together, as one process does. */
  async crash(): Promise<void> {
    this.isServerAway = true;
    this.#cut.abort(new ApiError('Unreachable', 'the server went away'));
    this.#cut = new AbortController();
    await this.stopController();
  }

  async recover(): Promise<void> {
    this.isServerAway = false;
    await this.startController();
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, left));
      await settle(15);
    }
  }

  async until<T>(what: string, look: () => Promise<T | undefined | false>, withinMs = 600_000): Promise<T> {
    for (let passed = 0; passed <= withinMs; passed += STEP_MS) {
      const found = await look();
      if (found) return found;
      await this.advance(STEP_MS);
    }
    const all = (await this.workspaces()).map(({ metadata, status }) => [
      metadata.name,
      status?.phase,
      status?.message,
    ]);
    throw new Error(`waited ${withinMs / 1000} s for ${what}: ${JSON.stringify(all, null, 1)}`);
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) node.kill();
    await this.stopController();
    await this.#whileTimePasses(Promise.all([...this.nodes.values()].map(node => node.ended)));
    await this.client.close();
  }

  override apply(name: string, spec: WorkspaceSpec = {}): Promise<Workspace> {
    return super.apply(name, { driver: 'memory', ...spec });
  }

  async patchNode(name: string, body: object): Promise<Node> {
    return this.client.patch(NODE, { name }, 'merge', body);
  }

  workspace(name: string): Promise<Workspace> {
    return this.unlessSame(`workspace ${name}`, () =>
      this.client.get(WORKSPACE, { namespace: 'default', name }),
    );
  }

  async workspaces(): Promise<Workspace[]> {
    return this.unlessSame('workspaces', async () => (await this.client.list<Workspace>(WORKSPACE)).items);
  }

  async readyNodes(): Promise<string[]> {
    return (await this.client.list<Node>(NODE)).items
      .filter(({ status }) => status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'))
      .map(({ metadata }) => metadata.name);
  }

  phase(name: string, phase: string, withinMs?: number): Promise<Workspace> {
    return this.until(
      `${name} to be ${phase}`,
      async () => {
        const workspace = await this.workspace(name);
        return workspace.status?.phase === phase && workspace;
      },
      withinMs,
    );
  }

  /** Where a workspace runs now, by the engines themselves. */
  runningOn(uid = ''): string[] {
    return [...this.nodes.values()].flatMap(({ name, engine }) =>
      [...engine.instances.values()].some(i => i.state === 'Running' && uidOf(i) === uid) ? [name] : [],
    );
  }

  #checkAlone(node: FleetNode, instance: MemoryInstance): void {
    const others = this.runningOn(uidOf(instance)).filter(name => name !== node.name);
    if (others.length > 0)
      this.violations.push(
        `${instance.spec.name} was started on ${node.name} while it ran on ${others.join(', ')}`,
      );
  }

  /** For processes of their own: the server may be away. */
  outside(inner: Transport): Transport {
    return {
      request: async request => {
        if (this.isServerAway) throw new ApiError('Unreachable', 'the server is away');
        const signals = request.signal ? [request.signal, this.#cut.signal] : [this.#cut.signal];
        return inner.request({ ...request, signal: AbortSignal.any(signals) });
      },
      close: () => inner.close(),
    };
  }

  async #whileTimePasses(ending: Promise<unknown>): Promise<void> {
    let isOver = false;
    const ended = ending.then(
      () => {
        isOver = true;
      },
      () => {
        isOver = true;
      },
    );
    while (!isOver) await this.advance(STEP_MS);
    await ended;
  }
}

/** A machine: an engine that outlives its agents, and the agent that runs on it. */
export class FleetNode {
  readonly engine = new MemoryEngine();
  readonly name: string;
  sandbox: Sandbox;
  ended: Promise<unknown> = Promise.resolve();
  readonly #fleet: Fleet;
  readonly #transport: Transport;
  readonly #options: Partial<AgentOptions>;
  #abort = new AbortController();

  constructor(fleet: Fleet, name: string, transport: Transport, options: Partial<AgentOptions>) {
    this.#fleet = fleet;
    this.name = name;
    this.#transport = transport;
    this.#options = options;
    this.sandbox = new Sandbox(fleet.clock);
  }

  get isRunning(): boolean {
    return !this.#abort.signal.aborted;
  }

  /** An agent with nothing but its engine, and the home if it was given one. */
  start(): void {
    const { link } = this.sandbox;
    this.sandbox = new Sandbox(this.#fleet.clock);
    this.sandbox.link = link;
    this.#abort = new AbortController();
    const { clock } = this.sandbox;
    const driver = createMemoryDriver({ node: this.name, engine: this.engine, clock: this.#fleet.clock });
    const guest = createMemoryGuest({ driver, clock: this.#fleet.clock });
    const transport = this.sandbox.transport(this.#fleet.outside(this.#transport));
    const former = this.ended;
    const running = runAgent(
      {
        nodeName: this.name,
        client: createClient({ transport, clock }),
        clock,
        log: silentLogger,
        random: () => 0.5,
        drivers: [{ driver: this.sandbox.driver(driver), guest: this.sandbox.guest(guest) }],
        ...this.#options,
      },
      this.#abort.signal,
    );
    this.ended = Promise.allSettled([former, running]);
  }

  /** SIGKILL: nothing it had begun goes on. */
  kill(): void {
    this.sandbox.kill();
    this.#abort.abort();
  }

  /** The machine: its agent comes back with it. */
  reboot(): void {
    this.kill();
    this.engine.reboot(this.#fleet.clock.now());
    this.start();
  }
}

function uidOf({ spec }: MemoryInstance): string {
  return spec.labels[LABEL_WORKSPACE_UID] ?? '';
}
