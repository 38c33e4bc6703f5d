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

/** Keeps the rules of ClusterRoles with an aggregationRule: those of every role that it selects. */
export class Aggregator {
  readonly #parts: AggregatorParts;
  #running: Promise<void> | undefined;
  #again = false;
  readonly #stopped = new AbortController();

  constructor(parts: AggregatorParts) {
    this.#parts = parts;
  }

  /** Some ClusterRole has changed. Resolves when what follows from it is written. */
  wake(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { list, apply, clock, log } = this.#parts;
    while (this.#again && !this.#stopped.signal.aborted) {
      this.#again = false;
      try {
        await Promise.all(staleAggregates(list()).map(apply));
      } catch (error) {
        if (this.#stopped.signal.aborted) break;
        log.warn({ err: error }, 'aggregated roles could not be written; it is tried again');
        this.#again = true;
        await clock.sleep(RETRY_MS, this.#stopped.signal).catch(() => {});
      }
    }
    // In the same step as the last look at #again, so that no call falls between.
    this.#running = undefined;
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
