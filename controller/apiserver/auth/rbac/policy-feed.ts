import { CLUSTER_ROLE } from '../../../../crds/kinds.ts';
import type { Clock } from '../../../kit/clock.ts';
import type { Logger } from '../../../kit/log.ts';
import type { Store } from '../../../store/store.ts';
import { StoreFeed } from '../../store-feed.ts';
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

/**
 * Keeps a policy as the roles and bindings in the store are; complete when it was started. A write is taken in before
 * whoever made it is answered: both wait for the same commit, and this one hears of it first.
 */
export function policyFeed({ store, policy, clock, log, onChange }: PolicyFeedParts): StoreFeed {
  return new StoreFeed({
    store,
    prefix: PREFIX,
    what: 'roles',
    clock,
    log,
    sync() {
      policy.clear();
      for (const { object } of store.list(PREFIX).entries) policy.set(object);
      onChange(true);
    },
    take(events) {
      for (const { type, entry } of events)
        if (type === 'DELETE') policy.remove(entry.object);
        else policy.set(entry.object);
      onChange(events.some(({ entry }) => entry.object.kind === CLUSTER_ROLE.kind));
    },
  });
}
