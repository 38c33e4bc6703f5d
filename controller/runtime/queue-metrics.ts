import type { Clock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';

/** The metrics of client-go's work queues, by the names that dashboards for Kubernetes controllers know. */
export function queueMetrics(metrics: Metrics, name: string, clock: Clock) {
  const label = { name };
  const depth = metrics.gauge('workqueue_depth', 'Keys ready to be processed.', ['name']);
  const adds = metrics.counter('workqueue_adds_total', 'Keys added.', ['name']);
  const retries = metrics.counter('workqueue_retries_total', 'Keys added with backoff.', ['name']);
  const waited = metrics.histogram(
    'workqueue_queue_duration_seconds',
    'How long a key was in the queue before it was processed.',
    ['name'],
  );
  const worked = metrics.histogram('workqueue_work_duration_seconds', 'How long processing a key took.', [
    'name',
  ]);
  const unfinished = metrics.gauge(
    'workqueue_unfinished_work_seconds',
    'Seconds spent on keys that are being processed. Grows when something hangs.',
    ['name'],
  );
  const longest = metrics.gauge(
    'workqueue_longest_running_processor_seconds',
    'Seconds that the key longest in processing has taken.',
    ['name'],
  );
  const addedAt = new Map<string, number>();
  const startedAt = new Map<string, number>();
  depth.set(label, 0);
  const close = metrics.onCollect(() => {
    let total = 0;
    let most = 0;
    for (const start of startedAt.values()) {
      const seconds = (clock.now() - start) / 1000;
      total += seconds;
      most = Math.max(most, seconds);
    }
    unfinished.set(label, total);
    longest.set(label, most);
  });
  return {
    added(key: string) {
      adds.inc(label);
      addedAt.set(key, clock.now());
    },
    ready: (length: number) => depth.set(label, length),
    retried: () => retries.inc(label),
    handed(key: string, length: number) {
      depth.set(label, length);
      waited.observe(label, (clock.now() - (addedAt.get(key) ?? clock.now())) / 1000);
      addedAt.delete(key);
      startedAt.set(key, clock.now());
    },
    finished(key: string) {
      worked.observe(label, (clock.now() - (startedAt.get(key) ?? clock.now())) / 1000);
      startedAt.delete(key);
    },
    close,
  };
}
