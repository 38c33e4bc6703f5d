import { apiVersionOf, CLUSTER_ROLE } from '../../../../crds/kinds.ts';
import type { ClusterRole, PolicyRule } from '../../../../crds/object.ts';
import type { Clock } from '../../../kit/clock.ts';
import { jsonEqual } from '../../../kit/json.ts';
import type { Logger } from '../../../kit/log.ts';
import { compileSelector } from '../../selectors/selector-object.ts';

export interface AggregatorParts {
  /** Every ClusterRole as it is now, by name. */
  readonly list: () => readonly ClusterRole[];
  /** Server-side apply of a ClusterRole's rules. */
  readonly apply: (role: ClusterRole) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export const AGGREGATION_MANAGER = 'clusterrole-aggregation-controller';
const RETRY_MS = 1000;
/** How often one role is written in one go: roles that select each other in a circle need more than once. */
const MAX_WRITES = 10;
/** How long roles that come to no rest are left alone. */
const UNREST_MS = 10_000;

/** Keeps the rules of ClusterRoles with an aggregationRule: those of every role that it selects. */
export class Aggregator {
  readonly #parts: AggregatorParts;
  #running: Promise<void> | undefined;
  #again = false;
  #cancelLater: (() => void) | undefined;
  readonly #stopped = new AbortController();

  constructor(parts: AggregatorParts) {
    this.#parts = parts;
  }

  /** Some ClusterRole has changed. Resolves when what follows from it is written, or comes to no rest. */
  wake(): Promise<void> {
    this.#again = true;
    if (this.#cancelLater) return Promise.resolve();
    this.#running ??= this.#run();
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancelLater?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    while (this.#again && !this.#stopped.signal.aborted) {
      this.#again = false;
      try {
        if (!(await this.#settle())) this.#goOnLater();
      } catch (error) {
        if (this.#stopped.signal.aborted) break;
        log.warn({ err: error }, 'aggregated roles could not be written; it is tried again');
        this.#again = true;
        await clock.sleep(RETRY_MS, this.#stopped.signal).catch(() => {});
      }
      if (this.#cancelLater) break;
    }
    // In the same step as the last look at #again, so that no call falls between.
    this.#running = undefined;
  }

  /** One role at a time, each by what the one before has become. Whether all is as it should be. */
  async #settle(): Promise<boolean> {
    const { list, apply } = this.#parts;
    const writes = new Map<string, number>();
    for (;;) {
      const [stale] = staleAggregates(list());
      if (!stale || this.#stopped.signal.aborted) return true;
      const { name } = stale.metadata;
      const count = writes.get(name) ?? 0;
      if (count === MAX_WRITES) return false;
      writes.set(name, count + 1);
      await apply(stale);
    }
  }

  #goOnLater(): void {
    const { clock, log } = this.#parts;
    log.warn({}, 'aggregated roles change for ever; they are looked at again later');
    this.#cancelLater = clock.after(UNREST_MS, () => {
      this.#cancelLater = undefined;
      void this.wake();
    });
  }
}

/** What is to be applied so that every aggregated role has the rules that it should have. Pure. */
export function staleAggregates(roles: readonly ClusterRole[]): ClusterRole[] {
  const sorted = [...roles].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return roles.flatMap(role => {
    if (!role.aggregationRule || role.metadata.deletionTimestamp) return [];
    const rules: PolicyRule[] = [];
    for (const selector of role.aggregationRule.clusterRoleSelectors ?? []) {
      const matches = compileSelector(selector);
      for (const other of sorted)
        if (other.metadata.name !== role.metadata.name && matches(other.metadata.labels))
          for (const rule of other.rules ?? [])
            if (!rules.some(known => jsonEqual(known, rule))) rules.push(rule);
    }
    if (jsonEqual(rules, role.rules ?? [])) return [];
    const { name } = role.metadata;
    return [{ apiVersion: apiVersionOf(CLUSTER_ROLE), kind: 'ClusterRole', metadata: { name }, rules }];
  });
}
