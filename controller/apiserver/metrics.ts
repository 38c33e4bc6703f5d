import type { Metrics } from '../kit/metrics.ts';
import type { Store } from '../store/store.ts';

/** What the server counts; named as kube-apiserver names it where it has the same. */
export interface ServerMetrics {
  /** A request that was answered, or a watch that ended. */
  answered(call: { verb: string; group: string; resource: string; code: number; seconds: number }): void;
  watchOpened(group: string, resource: string): void;
  watchClosed(group: string, resource: string): void;
  /** Events sent to watchers. */
  watchEvents(group: string, resource: string, count: number): void;
  /** A watcher that was too slow and was cut off. */
  watchCutOff(group: string, resource: string): void;
}

export function serverMetrics(metrics: Metrics, store: Store): ServerMetrics {
  const resourceLabels = ['group', 'resource'];
  const requests = metrics.counter('apiserver_request_total', 'Requests by verb, resource and code.', [
    'verb',
    ...resourceLabels,
    'code',
  ]);
  const duration = metrics.histogram(
    'apiserver_request_duration_seconds',
    'Time from the arrival of a request to the end of its answer; watches not counted.',
    ['verb', ...resourceLabels],
  );
  const watches = metrics.gauge('apiserver_longrunning_requests', 'Watches open now.', resourceLabels);
  const events = metrics.counter('apiserver_watch_events_total', 'Events sent to watches.', resourceLabels);
  const cutOff = metrics.counter(
    'apiserver_terminated_watchers_total',
    'Watches cut off because their client was too slow.',
    resourceLabels,
  );
  const revision = metrics.gauge('nexus_store_revision', 'Revision of the last durable write.');
  const oldest = metrics.gauge('nexus_store_compact_revision', 'Oldest revision a watch can start from.');
  metrics.onCollect(() => {
    revision.set(store.revision);
    oldest.set(store.compactRevision);
  });
  return {
    answered({ verb, group, resource, code, seconds }) {
      requests.inc({ verb, group, resource, code });
      if (verb !== 'watch') duration.observe({ verb, group, resource }, seconds);
    },
    watchOpened: (group, resource) => watches.inc({ group, resource }),
    watchClosed: (group, resource) => watches.dec({ group, resource }),
    watchEvents: (group, resource, count) => events.inc({ group, resource }, count),
    watchCutOff: (group, resource) => cutOff.inc({ group, resource }),
  };
}
