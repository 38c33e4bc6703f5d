import type { Metrics } from '../kit/metrics.ts';

/** Counts and times a controller's passes. */
export function controllerMetrics(metrics: Metrics, controller: string, workers: number) {
  const total = metrics.counter(
    'nexus_reconcile_total',
    'Passes by what they came to: done, requeueAfter, waiting, terminal, conflict, error, stopped.',
    ['controller', 'result'],
  );
  const duration = metrics.histogram('nexus_reconcile_duration_seconds', 'Time of a pass.', ['controller']);
  const active = metrics.gauge('nexus_reconcile_active_workers', 'Passes under way.', ['controller']);
  metrics
    .gauge('nexus_reconcile_max_workers', 'Most passes at once.', ['controller'])
    .set({ controller }, workers);
  return {
    /** A pass began; call the result with what it came to. */
    begin(): (result: string) => void {
      active.inc({ controller });
      const stop = duration.startTimer({ controller });
      return result => {
        stop();
        active.dec({ controller });
        total.inc({ controller, result });
      };
    },
  };
}
