import type { Metrics } from '../kit/metrics.ts';

/** What an informer tells about itself, by resource. */
export function informerMetrics(metrics: Metrics, resource: string) {
  const objects = metrics.gauge('nexus_informer_objects', 'Objects in the cache.', ['resource']);
  const events = metrics.counter('nexus_informer_events_total', 'Events received.', ['resource', 'type']);
  const lists = metrics.counter('nexus_informer_lists_total', 'Complete lists received.', ['resource']);
  const watches = metrics.counter('nexus_informer_watches_total', 'Watches begun after a list or a gap.', [
    'resource',
  ]);
  const failures = metrics.counter('nexus_informer_failures_total', 'Lists and watches that failed.', [
    'resource',
    'reason',
  ]);
  return {
    listed(size: number) {
      lists.inc({ resource });
      objects.set({ resource }, size);
    },
    watching: () => watches.inc({ resource }),
    event(type: string, size: number) {
      events.inc({ resource, type });
      objects.set({ resource }, size);
    },
    failed: (reason: string) => failures.inc({ resource, reason }),
  };
}
