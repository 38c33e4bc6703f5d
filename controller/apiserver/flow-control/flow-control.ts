import type { ServerResponse } from 'node:http';
import { GROUP_NODES } from '../../../crds/names.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Metrics } from '../../kit/metrics.ts';
import type { Store } from '../../store/store.ts';
import { type Identity, isSystem } from '../auth/identity.ts';
import type { Limits } from '../context.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { Registry } from '../registry/registry.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { type LevelObserver, PriorityLevel } from './priority-level.ts';

const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/healthz']);

/** A list takes one seat more for so many objects, up to this many seats. */
const OBJECTS_PER_SEAT = 1000;
const MAX_SEATS = 10;

export interface FlowControlParts {
  readonly limits: Limits;
  readonly registry: Registry;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Who may have how much of the server at once, in three classes that take nothing from each other: the system (reconcilers,
 * its service accounts), the agents of nodes, and users. Probes of health always pass.
 */
export class FlowControl {
  readonly #parts: FlowControlParts;
  readonly #system: PriorityLevel;
  readonly #nodes: PriorityLevel;
  readonly #users: PriorityLevel;

  constructor(parts: FlowControlParts) {
    this.#parts = parts;
    const { limits, clock, metrics } = parts;
    const { watches, watchesPerUser, queuedPerUser, queueWaitMs: waitMs } = limits;
    const observer = observe(metrics, () => [this.#system, this.#nodes, this.#users]);
    const common = { queuedPerUser, waitMs, watches, watchesPerUser };
    this.#users = new PriorityLevel('users', {
      limits: { ...common, seats: limits.requestsInFlight, seatsPerUser: limits.requestsPerUser },
      clock,
      observer,
    });
    const ours = {
      ...common,
      seats: limits.systemRequestsInFlight,
      seatsPerUser: Math.ceil(limits.systemRequestsInFlight / 2),
    };
    this.#system = new PriorityLevel('system', { limits: ours, clock, observer });
    this.#nodes = new PriorityLevel('nodes', { limits: ours, clock, observer });
  }

  /** Returns, or resolves, when the request may go on; its seat is free again when `response` is closed. Throws TooManyRequests. */
  admit(user: Identity, info: RequestInfo, response: ServerResponse): void | Promise<void> {
    if (PROBES.has(info.path)) return undefined;
    const level = this.#levelOf(user);
    if (info.verb === 'watch') {
      response.once('close', level.openWatch(user.name));
      return undefined;
    }
    const entered = level.enter(user.name, this.#seatsOf(info), leave => response.once('close', leave));
    if (typeof entered === 'function') {
      response.once('close', entered);
      return undefined;
    }
    return entered.then(release => {
      if (response.destroyed) release();
      else response.once('close', release);
    });
  }

  /** However many agents come back at once, reconcilers do not stand in their queue. */
  #levelOf(user: Identity): PriorityLevel {
    if (user.groups.includes(GROUP_NODES)) return this.#nodes;
    return isSystem(user) ? this.#system : this.#users;
  }

  #seatsOf({ verb, target, query }: RequestInfo): number {
    if (verb !== 'list' || !target) return 1;
    const served = this.#parts.registry.find(target.group, target.version, target.plural);
    if (!served) return 1;
    const count = this.#parts.store.count(prefixOf(served.resource, target.namespace));
    const limit = Number(query.get('limit'));
    const read = limit > 0 ? Math.min(limit, count) : count;
    return Math.min(MAX_SEATS, 1 + Math.floor(read / OBJECTS_PER_SEAT));
  }
}

/** Metrics, named as kube-apiserver names them. */
function observe(metrics: Metrics, levels: () => readonly PriorityLevel[]): LevelObserver {
  const label = ['priority_level'];
  const rejected = metrics.counter(
    'apiserver_flowcontrol_rejected_requests_total',
    'Requests refused with 429, by priority level and reason.',
    [...label, 'reason'],
  );
  const waited = metrics.histogram(
    'apiserver_flowcontrol_request_wait_duration_seconds',
    'Time that requests waited for a seat, of those that had to.',
    label,
  );
  const executing = metrics.gauge('apiserver_flowcontrol_current_executing_seats', 'Seats taken now.', label);
  const inqueue = metrics.gauge(
    'apiserver_flowcontrol_current_inqueue_requests',
    'Requests that wait for a seat now.',
    label,
  );
  metrics.onCollect(() => {
    for (const { name, seats, queued } of levels()) {
      executing.set({ priority_level: name }, seats);
      inqueue.set({ priority_level: name }, queued);
    }
  });
  return {
    rejected: (priority_level, reason) => rejected.inc({ priority_level, reason }),
    waited: (priority_level, ms) => waited.observe({ priority_level }, ms / 1000),
  };
}
