import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * `network`: the connection is cut; `answer-lost`: the same, after what was asked was done; `silence`: no answer, ever; `rate-limit`: the hour's requests are used up (403);
 * `secondary-rate-limit`: too fast (429); `unavailable`: 503.
 */
export type FaultKind =
  | 'network'
  | 'answer-lost'
  | 'silence'
  | 'rate-limit'
  | 'secondary-rate-limit'
  | 'unavailable';

export interface Fault {
  how: FaultKind;
  /** The first request that meets it, counted from now; 1, the default, is the next one. */
  from?: number;
  /** How many requests meet it; defaults to all from then on. */
  count?: number;
  /** Seconds until the limit is lifted, as the answer tells it; defaults to 60. */
  retryAfterSeconds?: number;
}

/** Decides for each request whether it meets a fault. */
export class Faults {
  #fault: Fault | undefined;
  #seen = 0;

  set(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#seen = 0;
  }

  /** The fault that the next request meets. */
  next(): Fault | undefined {
    const fault = this.#fault;
    if (!fault) return undefined;
    const { from = 1, count = Number.POSITIVE_INFINITY } = fault;
    this.#seen++;
    return this.#seen >= from && this.#seen < from + count ? fault : undefined;
  }
}

/** Headers that every answer of the API carries. */
export function limitHeaders(remaining: number, resetSeconds: number): Record<string, string> {
  return {
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-used': String(5000 - remaining),
    'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + resetSeconds),
    'x-ratelimit-resource': 'core',
  };
}

export function answerFault(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
  const { how, retryAfterSeconds = 60 } = fault;
  const refuse = (status: number, message: string, headers: Record<string, string> = {}) =>
    response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      .end(JSON.stringify({ message, documentation_url: 'https://docs.github.com/rest' }));
  if (how === 'network') request.socket.destroy();
  else if (how === 'rate-limit')
    refuse(403, 'API rate limit exceeded for user ID 1.', limitHeaders(0, retryAfterSeconds));
  else if (how === 'secondary-rate-limit')
    refuse(429, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', {
      ...limitHeaders(4000, 3600),
      'retry-after': String(retryAfterSeconds),
    });
  else if (how === 'unavailable') refuse(503, 'No server is currently available to service your request.');
}
