import { RESOURCE_QUOTA } from '../../../crds/kinds.ts';
import type { ResourceQuota } from '../../../crds/object.ts';
import type { Clock } from '../../kit/clock.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Logger } from '../../kit/log.ts';
import { type Entry, type Store, StoreError, type Watch } from '../../store/store.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { countedBy } from './counted.ts';

export interface QuotaStatusParts {
  readonly store: Store;
  /** Stores a quota's status. Throws Conflict when the quota has changed meanwhile. */
  readonly save: (live: Entry, status: ResourceQuota['status']) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 1000;

/** Keeps `status` of every ResourceQuota as the namespace is. It follows shortly; what is allowed is counted, not read there. */
export class QuotaStatus {
  readonly #parts: QuotaStatusParts;
  readonly #stopped = new AbortController();
  #watch: Watch | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: QuotaStatusParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#watch?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#parts;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#watch = store.watch('/', store.revision);
        await this.#update(store.list(prefixOf(RESOURCE_QUOTA)).entries);
        for await (const events of this.#watch) {
          const namespaces = new Set(events.map(({ entry }) => entry.key.split('/')[3]));
          for (const namespace of namespaces)
            if (namespace) await this.#update(store.list(prefixOf(RESOURCE_QUOTA, namespace)).entries);
        }
        return;
      } catch (error) {
        if (signal.aborted || (error instanceof StoreError && error.code === 'Closed')) return;
        log.warn({ err: error }, 'the status of quotas could not be kept; it is tried again');
        this.#watch?.close();
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async #update(quotas: readonly Entry[]): Promise<void> {
    const { store, save } = this.#parts;
    for (const live of quotas) {
      const { metadata, spec, status } = live.object as ResourceQuota;
      const hard = spec?.hard ?? {};
      const used = Object.fromEntries(
        Object.keys(hard).flatMap(name => {
          const counted = countedBy(name);
          return counted ? [[name, String(store.count(prefixOf(counted, metadata.namespace)))]] : [];
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
}
