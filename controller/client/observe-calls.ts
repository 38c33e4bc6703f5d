import type { Metrics } from '../kit/metrics.ts';

/** A call that got an answer or failed; `code` 0: no answer. */
export interface ObservedCall {
  verb: string;
  resource: string;
  code: number;
  seconds: number;
}

/** Counts and times a client's calls as `nexus_client_requests_total` and `nexus_client_request_duration_seconds`. */
export function observeCalls(metrics: Metrics): (call: ObservedCall) => void {
  const total = metrics.counter(
    'nexus_client_requests_total',
    'API calls by verb, resource and answer (0: none).',
    ['verb', 'resource', 'code'],
  );
  const duration = metrics.histogram(
    'nexus_client_request_duration_seconds',
    'Time of an API call until its answer was read; of a watch until it stood.',
    ['verb', 'resource'],
  );
  return ({ verb, resource, code, seconds }) => {
    total.inc({ verb, resource, code });
    duration.observe({ verb, resource }, seconds);
  };
}
