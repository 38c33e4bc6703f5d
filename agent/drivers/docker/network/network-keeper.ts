import { listOurs } from '../containers.ts';
import type { DockerContext } from '../context.ts';
import { canEnforce, cannotEnforce, enforce, type Isolation, stopEnforcing } from './firewall.ts';
import { ensureNetwork, inspectNetwork, type NetworkFacts, nodeNetwork, removeNetwork } from './network.ts';

/** How often rules that were found in force are looked at again. */
const CHECK_EVERY_MS = 15_000;

/**
 * The network of a node's instances and the rules around it: there while there are instances, gone with the last one.
 * Making and removing exclude each other.
 */
export class NetworkKeeper {
  readonly #context: DockerContext;
  #turn: Promise<unknown> = Promise.resolve();
  #users = 0;
  /** No need to look again until there is a network. */
  #rulesDropped = false;
  #last: { isolation: Isolation; at: number } | undefined;

  constructor(context: DockerContext) {
    this.#context = context;
  }

  /** Runs `task` while the network is held: it is there, its rules are in force where they can be, and it stays. */
  async use<T>(task: (network: NetworkFacts) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      const network = await this.#alone(async () => {
        const facts = await ensureNetwork(this.#context);
        await this.#enforce(facts);
        return facts;
      });
      return await task(network);
    } finally {
      this.#users -= 1;
    }
  }

  /** What holds now; rules that somebody flushed are put back. */
  async isolation(): Promise<Isolation> {
    return this.#alone(async () => {
      const network = await inspectNetwork(this.#context);
      if (network) return this.#enforce(network);
      await this.#dropRules();
      const obstacle = cannotEnforce(await this.#context.facts(), process.getuid?.());
      return obstacle ? { enforced: false, message: obstacle } : canEnforce();
    });
  }

  /** Removes network and rules when no instance is left and none is being made. */
  async releaseUnused(): Promise<void> {
    await this.#alone(async () => {
      if (this.#users > 0 || (await listOurs(this.#context)).length > 0) return;
      if (await removeNetwork(this.#context)) await this.#dropRules();
    });
  }

  /** When there is no network: also after somebody else removed it, or an agent was killed between the two. */
  async #dropRules(): Promise<void> {
    if (this.#rulesDropped) return;
    this.#last = undefined;
    const { node, log } = this.#context;
    if (cannotEnforce(await this.#context.facts(), process.getuid?.())) return;
    try {
      await stopEnforcing(nodeNetwork(node).bridge);
      this.#rulesDropped = true;
    } catch (error) {
      log.warn({ err: error }, 'rules of a network that is gone could not be removed');
    }
  }

  async #enforce(network: NetworkFacts): Promise<Isolation> {
    const { clock, log } = this.#context;
    this.#rulesDropped = false;
    const { enforced } = this.#last?.isolation ?? {};
    if (this.#last && enforced && clock.now() - this.#last.at < CHECK_EVERY_MS) return this.#last.isolation;
    const facts = await this.#context.facts();
    const obstacle = cannotEnforce(facts, process.getuid?.());
    const isolation = obstacle
      ? { enforced: false, message: obstacle }
      : await enforce(network, facts, this.#context.allowHostPorts);
    if (this.#last && isolation.message !== this.#last.isolation.message)
      log.warn({ ...isolation }, 'the isolation of workspaces changed');
    this.#last = { isolation, at: clock.now() };
    return isolation;
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task, task);
    this.#turn = result.catch(() => {});
    return result;
  }
}
