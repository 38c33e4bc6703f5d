import { withTimeout } from '../../../controller/kit/abort.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import type { Logger } from '../../../controller/kit/log.ts';
import { canEnforce, enforce, type FirewallTarget, type Isolation, stopEnforcing } from './firewall.ts';

/** How often rules that were found in force are looked at again. */
const CHECK_EVERY_MS = 15_000;
/** Who removed the last instance often makes the next one, which then need not wait for its network. */
const LINGER_MS = 600_000;
/** An engine that does not answer must not hold up the end of the agent. */
const ENDING_MS = 2_000;

/** The network of one node on an engine. `N` is what the engine tells of it. */
export interface NodeNetwork<N> {
  /** Device; at most 15 characters, as the kernel wants it. */
  bridge: string;
  /** Undefined when there is none. Throws Invalid when it is somebody else's. */
  inspect(): Promise<N | undefined>;
  /** Made if it is not there. */
  ensure(): Promise<N>;
  /** Gone is success; so is one that is in use, which then stays. True when it is gone. */
  remove(): Promise<boolean>;
  /** Whether instances of the node are left, half-made ones among them. */
  isUsed(): Promise<boolean>;
  /** Why no rules can be set from here; undefined when it can be tried. */
  obstacle(): Promise<string | undefined>;
  firewall(network: N): Promise<FirewallTarget>;
}

/**
 * The network of a node's instances and the rules around it: there while there are instances, gone a while after the last
 * one, or when the agent stops then. Making and removing exclude each other.
 */
export class NetworkKeeper<N> {
  readonly #node: NodeNetwork<N>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #turn: Promise<unknown> = Promise.resolve();
  #users = 0;
  /** No need to look again until there is a network. */
  #rulesDropped = false;
  #last: { isolation: Isolation; at: number } | undefined;
  /** Of the removal that is planned. */
  #cancel: (() => void) | undefined;
  /** Whether it was looked for what an agent that was killed left. */
  #hasLooked = false;

  constructor(node: NodeNetwork<N>, { clock, log }: { clock: Clock; log: Logger }) {
    this.#node = node;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Runs `task` while the network is held: once `network` resolves it is there, its rules are in force where they can be,
   * and it stays.
   */
  async use<T>(task: (network: Promise<N>) => Promise<T>): Promise<T> {
    this.#users += 1;
    const network = this.#alone(async () => {
      const network = await this.#node.ensure();
      await this.#enforce(network);
      return network;
    });
    network.catch(() => {});
    try {
      return await task(network);
    } finally {
      this.#users -= 1;
    }
  }

  /** What holds now; rules that somebody flushed are put back. */
  async isolation(): Promise<Isolation> {
    return this.#alone(async () => {
      const network = await this.#node.inspect();
      if (network && !this.#hasLooked) this.releaseUnused();
      this.#hasLooked = true;
      if (network) return this.#enforce(network);
      await this.#dropRules();
      const obstacle = await this.#node.obstacle();
      return obstacle ? { enforced: false, message: obstacle } : canEnforce();
    });
  }

  /** After a while network and rules are removed, when no instance is left then and none is being made. */
  releaseUnused(): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(LINGER_MS, () => void this.#release());
  }

  /** What would be removed after a while is removed now, if the engine answers in time. */
  async close(): Promise<void> {
    if (!this.#cancel) return;
    await withTimeout(this.#release(), ENDING_MS, this.#clock, () => new Error('silent')).catch(() => {});
  }

  async #release(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    try {
      await this.#alone(async () => {
        if (this.#users > 0 || (await this.#node.isUsed())) return;
        if (await this.#node.remove()) await this.#dropRules();
      });
    } catch (error) {
      this.#log.warn({ err: error }, 'the network that nobody uses could not be removed');
    }
  }

  /** When there is no network: also after somebody else removed it, or an agent was killed between the two. */
  async #dropRules(): Promise<void> {
    if (this.#rulesDropped) return;
    this.#last = undefined;
    if (await this.#node.obstacle()) return;
    try {
      await stopEnforcing(this.#node.bridge);
      this.#rulesDropped = true;
    } catch (error) {
      this.#log.warn({ err: error }, 'rules of a network that is gone could not be removed');
    }
  }

  async #enforce(network: N): Promise<Isolation> {
    const now = this.#clock.now();
    this.#rulesDropped = false;
    const { enforced } = this.#last?.isolation ?? {};
    if (this.#last && enforced && now - this.#last.at < CHECK_EVERY_MS) return this.#last.isolation;
    const obstacle = await this.#node.obstacle();
    const isolation = obstacle
      ? { enforced: false, message: obstacle }
      : await enforce(await this.#node.firewall(network));
    if (this.#last && isolation.message !== this.#last.isolation.message)
      this.#log.warn({ ...isolation }, 'the isolation of workspaces changed');
    this.#last = { isolation, at: this.#clock.now() };
    return isolation;
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task, task);
    this.#turn = result.catch(() => {});
    return result;
  }
}
