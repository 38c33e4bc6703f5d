import type { KubeObject } from '../../crds/object.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission/admission.ts';
import type { Authorizer } from './auth/authorizer.ts';
import type { Identity } from './auth/identity.ts';
import type { Tokens } from './auth/tokens.ts';
import type { ResourceTarget } from './http/request-info.ts';
import type { ServerMetrics } from './metrics.ts';
import type { QuotaGuard } from './quota/quota-guard.ts';
import type { Registry } from './registry/registry.ts';
import type { ServedResource } from './registry/served-resource.ts';

/** Bounds on what one client can make the server do. */
export interface Limits {
  /** Bodies of requests. Defaults to 3 MiB. */
  readonly bodyBytes: number;
  /** Nesting of bodies. Defaults to 128. */
  readonly depth: number;
  /** Aliases a YAML body may expand to. Defaults to 100. */
  readonly yamlAliases: number;
  /** Requests of users handled at once, watches not counted; a list of many objects counts up to ten times. Defaults to 400. */
  readonly requestsInFlight: number;
  /** Of them, of one user. Defaults to 100. */
  readonly requestsPerUser: number;
  /** The same of agents, and as many of reconcilers; half of them of one. Defaults to 200. */
  readonly systemRequestsInFlight: number;
  /** Requests beyond these that wait, of one user; more are answered with 429. Defaults to 200. */
  readonly queuedPerUser: number;
  /** How long they wait before they are answered with 429. Defaults to 15 s. */
  readonly queueWaitMs: Milliseconds;
  /** For a whole answer, watches apart: after that the connection is cut. Defaults to 60 s. */
  readonly answerMs: Milliseconds;
  /** Watches open at once: of users, as many of agents, and as many of reconcilers. Defaults to 5,000. */
  readonly watches: number;
  /** Of them, of one user. Defaults to 2,000. */
  readonly watchesPerUser: number;
  /** What may wait in one watch's socket before the watch is held up. Defaults to 1 MiB. */
  readonly watchBufferBytes: number;
  /** How long a held-up watch may stay so before it is cut off. Defaults to 10 s. */
  readonly watchStallMs: Milliseconds;
  /** Answers above this are compressed for clients that accept gzip. Defaults to 128 KiB. */
  readonly gzipAboveBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 3 * 1024 * 1024,
  depth: 128,
  yamlAliases: 100,
  requestsInFlight: 400,
  requestsPerUser: 100,
  systemRequestsInFlight: 200,
  queuedPerUser: 200,
  queueWaitMs: 15_000,
  answerMs: 60_000,
  watches: 5000,
  watchesPerUser: 2000,
  watchBufferBytes: 1024 * 1024,
  watchStallMs: 10_000,
  gzipAboveBytes: 128 * 1024,
};

/** What every handler works with. */
export interface ApiContext {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Limits;
  readonly authorizer: Authorizer;
  readonly admission: Admission;
  readonly quotas: QuotaGuard;
  readonly tokens: Tokens;
  readonly metrics: ServerMetrics;
  readonly version: string;
}

/** One request for a resource, authenticated and authorised. */
export interface ApiRequest {
  readonly user: Identity;
  readonly target: ResourceTarget;
  readonly served: ServedResource;
  readonly query: URLSearchParams;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: Buffer | undefined;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}

/** An object and its JSON, which are the same thing. Of one that is stored, `object` is parsed when somebody looks. */
export interface View {
  readonly object: KubeObject;
  readonly json: string;
}

/** What a handler answers with. */
export interface ObjectAnswer {
  readonly code: number;
  readonly view: View;
  /** Name of what was created. */
  readonly created?: string;
}
