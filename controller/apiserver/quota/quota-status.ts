import { RESOURCE_QUOTA } from '../../../crds/kinds.ts';
import type { ResourceQuota } from '../../../crds/object.ts';
import type { Clock } from '../../kit/clock.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Logger } from '../../kit/log.ts';
import type { Entry, Store } from '../../store/store.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { StoreFeed } from '../store-feed.ts';
import { countedBy, isScoped } from './counted.ts';

export interface QuotaStatusParts {
  readonly store: Store;
  /** Stores a quota's status. Throws Conflict when the quota has changed meanwhile. */
  readonly save: (live: Entry, status: ResourceQuota['status']) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps `status` of every ResourceQuota as the namespace is. It follows shortly; what is allowed is counted, not read there. */
export function quotaStatusFeed(parts: QuotaStatusParts): StoreFeed {
  const { store, clock, log } = parts;
  const updateIn = (namespace?: string) =>
    update(parts, store.list(prefixOf(RESOURCE_QUOTA, namespace)).entries);
  return new StoreFeed({
    store,
    prefix: '/',
    what: 'what quotas count',
    clock,
    log,
    sync: () => updateIn(),
    async take(events) {
      if (store.count(prefixOf(RESOURCE_QUOTA)) === 0) return;
      const namespaces = new Set(events.map(({ entry }) => entry.key.split('/')[3]));
      for (const namespace of namespaces) if (namespace) await updateIn(namespace);
    },
  });
}

async function update({ store, save }: QuotaStatusParts, quotas: readonly Entry[]): Promise<void> {
  for (const live of quotas) {
    const quota = live.object as ResourceQuota;
    const { metadata, spec, status } = quota;
    const hard = spec?.hard ?? {};
    const used = Object.fromEntries(
      Object.keys(hard).flatMap(name => {
        const counted = countedBy(name);
        if (!counted) return [];
        const count = isScoped(quota) ? 0 : store.count(prefixOf(counted, metadata.namespace));
        return [[name, String(count)]];
      }),
    );
    const next = { hard, used };
    // A conflict is a change, which comes by as an event.
    if (!jsonEqual(status, next))
      await save(live, next).catch(error => {
        if (error.reason !== 'Conflict' && error.reason !== 'NotFound') throw error;
      });
  }
}
