import { createClient } from '../../../controller/client/create-client.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { isApiError } from '../../../controller/kit/errors.ts';
import type { ReconcilerOptions } from '../../../controller/reconcilers/deps.ts';
import { type Resource, WORKSPACE } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { FakeAgent, type FakeAgentOptions } from '../../support/fake-agent.ts';

const DEADLINE_MS = 90_000;

/** A control plane whose nodes are fake agents. */
export class World extends ControlPlane {
  readonly agents = new Map<string, FakeAgent>();
  #closeServer = async () => {};

  static async start(
    options: Partial<ReconcilerOptions> & { withoutController?: boolean } = {},
  ): Promise<World> {
    const { server, store, admin, close } = await ControlPlane.serve();
    const world = new World(server, admin, { store, controller: options });
    world.#closeServer = close;
    if (!options.withoutController) await world.startController();
    return world;
  }

  async addAgent(node: string, options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    const transport = await this.transport(`agent-of-${node}`, ['system:masters']);
    const client = createClient({ transport, userAgent: 'agent' });
    const agent = new FakeAgent({ client, clock: systemClock, node, ...options });
    this.agents.set(node, agent);
    await agent.start();
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.agents.values()].map(agent => agent.stop()));
    await this.stopController();
    await this.client.close();
    await this.#closeServer();
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
}
