import { EVENT } from '../../../crds/kinds.ts';
import type { Event } from '../../../crds/object.ts';
import type { Client } from '../../client/client.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import type { ControllerWatch } from '../../runtime/controller.ts';
import type { Informer, Reconciler } from '../../runtime/reconciler.ts';
import { eventTime } from '../events/event-relay.ts';

/** Most Events removed in one pass; the next follows after PAUSE_MS. */
const BATCH = 200;
const PAUSE_MS: Milliseconds = 1_000;
const EVERY_MS: Milliseconds = 60_000;

export interface EventExpiryOptions {
  client: Client;
  clock: Clock;
  events: Informer<Event>;
  eventTtlMs: Milliseconds;
}

/** Removes Events that last happened longer ago than their time to live, a bounded number at a time. */
export function createEventExpiry({ client, clock, events, eventTtlMs }: EventExpiryOptions): Reconciler {
  return {
    name: 'event-expiry',
    async reconcile(_key, { signal }) {
      const before = clock.now() - eventTtlMs;
      let removed = 0;
      for (const event of events.list()) {
        if (eventTime(event) > before) continue;
        if (removed === BATCH) return { kind: 'requeueAfter', ms: PAUSE_MS };
        removed++;
        const { uid, resourceVersion } = event.metadata;
        try {
          await client.delete(EVENT, keyOf(event), { preconditions: { uid, resourceVersion }, signal });
        } catch (error) {
          // Gone already, or it has happened again.
          if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
        }
      }
      return { kind: 'requeueAfter', ms: Math.min(EVERY_MS, eventTtlMs) };
    },
  };
}

/** One key, once: the passes call themselves again. */
export function watchExpiry(events: Informer<Event>): ControllerWatch {
  return {
    synced: events.synced,
    subscribe(enqueue) {
      enqueue({ name: 'events' });
      return () => {};
    },
  };
}
