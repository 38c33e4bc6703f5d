import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Record<string, string | number>;

/** Seconds; from half a millisecond to a minute. */
export const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/**
 * The metrics of one process part: a registry of its own, so that two servers in one process (tests) share nothing.
 * Asking twice for a name gives the same metric.
 *
 * @example
 * const metrics = new Metrics();
 * metrics.counter('nexus_things_total', 'Things that happened.', ['kind']).inc({ kind: 'good' });
 */
export class Metrics {
  readonly registry = new Registry();
  readonly contentType = this.registry.contentType;
  readonly #collectors = new Set<() => void>();

  /** A number that only grows. */
  counter(name: string, help: string, labelNames: string[] = []): Counter {
    return this.#get(name, () => new Counter({ name, help, labelNames, registers: [this.registry] }));
  }

  /** A number that goes up and down. */
  gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return this.#get(name, () => new Gauge({ name, help, labelNames, registers: [this.registry] }));
  }

  /** A distribution; in seconds unless `buckets` says otherwise. */
  histogram(name: string, help: string, labelNames: string[] = [], buckets = DURATION_BUCKETS): Histogram {
    return this.#get(
      name,
      () => new Histogram({ name, help, labelNames, buckets, registers: [this.registry] }),
    );
  }

  /** `fn` is called before every scrape, to set gauges that are cheaper to ask for than to keep. Returns its removal. */
  onCollect(fn: () => void): () => void {
    this.#collectors.add(fn);
    return () => this.#collectors.delete(fn);
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    for (const collect of this.#collectors) collect();
    return this.registry.metrics();
  }

  #get<M>(name: string, make: () => M): M {
    return (this.registry.getSingleMetric(name) as M | undefined) ?? make();
  }
}
