import { CLUSTER_ROLE } from '../../../../crds/kinds.ts';
import type { Clock } from '../../../kit/clock.ts';
import type { Logger } from '../../../kit/log.ts';
import { type Store, StoreError, type Watch } from '../../../store/store.ts';
import type { Policy } from './policy.ts';

export interface PolicyFeedParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after changes were taken in, with whether a ClusterRole was among them. */
  readonly onChange: (clusterRoles: boolean) => void;
}

/** Keys of every kind of the group. */
const PREFIX = '/rbac.authorization.k8s.io/';
const RETRY_MS = 1000;

/**
 * Keeps a policy as the roles and bindings in the store are. A write is taken in before whoever made it is answered:
 * both wait for the same commit, and this one hears of it first.
 */
export class PolicyFeed {
  readonly #parts: PolicyFeedParts;
  #watch: Watch | undefined;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: PolicyFeedParts) {
    this.#parts = parts;
  }

  /** The policy is complete when it returns, and followed until stop. */
  start(): void {
    this.#running = this.#follow(this.#sync());
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#watch?.close();
    await this.#running;
  }

  #sync(): number {
    const { store, policy, onChange } = this.#parts;
    const { entries, revision } = store.list(PREFIX);
    policy.clear();
    for (const { object } of entries) policy.set(object);
    onChange(true);
    return revision;
  }

  async #follow(from: number): Promise<void> {
    const { store, policy, clock, log, onChange } = this.#parts;
    let revision = from;
    while (!this.#stopped.signal.aborted) {
      try {
        this.#watch = store.watch(PREFIX, revision);
        for await (const events of this.#watch) {
          for (const { type, entry } of events)
            if (type === 'DELETE') policy.remove(entry.object);
            else policy.set(entry.object);
          revision = events.at(-1)?.revision ?? revision;
          onChange(events.some(({ entry }) => entry.object.kind === CLUSTER_ROLE.kind));
        }
        return;
      } catch (error) {
        if (this.#stopped.signal.aborted || (error instanceof StoreError && error.code === 'Closed')) return;
        log.warn({ error: String(error) }, 'the watch of roles broke off and is started again');
        await clock.sleep(RETRY_MS, this.#stopped.signal).catch(() => {});
        revision = this.#sync();
      }
    }
  }
}
