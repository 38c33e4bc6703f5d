import type { Lease } from '../../../crds/object.ts';
import type { Node } from '../../../crds/types.generated.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { getCondition } from '../../runtime/conditions.ts';

/** The last renewal of a lease. All times are of this process's own uptime: the clocks of nodes need not agree. */
export interface Heartbeat {
  renewTime: string;
  /** From when its silence counts for the condition Ready. */
  seenAt: Milliseconds;
  /** When this process saw it: never before the agent sent it. */
  heardAt: Milliseconds;
  /** For how long after it was sent the agent lets run what may be moved. Absent: it has no fence. */
  fenceMs?: Milliseconds;
}

/**
 * Added to the time after which a silent node has stopped what may be moved: its guests look every two seconds and give
 * services ten to end.
 */
export const FENCE_MARGIN_MS: Milliseconds = 20_000;

/** When each node was heard last. */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #graceMs: Milliseconds;
  readonly #last = new Map<string, Heartbeat>();

  constructor(clock: Clock, graceMs: Milliseconds) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /**
   * Looks at a lease; undefined when it tells nothing. At first sight an old renewal of a node that is Ready is taken for
   * news, so that a controller that was away (and could not be renewed to) does not declare every node lost.
   */
  hear(name: string, lease: Lease | undefined, node: Node | undefined): Heartbeat | undefined {
    const { renewTime, leaseDurationSeconds } = lease?.spec ?? {};
    if (renewTime === undefined) return undefined;
    const before = this.#last.get(name);
    if (before?.renewTime === renewTime) return before;
    const now = this.#clock.uptime();
    const ageMs = Math.max(0, this.#clock.now() - Date.parse(renewTime));
    const wasReady = getCondition(node?.status?.conditions, 'Ready')?.status === 'True';
    const isNews = before !== undefined || (wasReady && ageMs >= this.#graceMs);
    const heartbeat: Heartbeat = {
      renewTime,
      seenAt: isNews ? now : now - ageMs,
      heardAt: now,
      ...(leaseDurationSeconds !== undefined && { fenceMs: leaseDurationSeconds * 1000 }),
    };
    this.#last.set(name, heartbeat);
    return heartbeat;
  }

  /** Notes a renewal of a node that was heard before. False: it was not, or the lease tells nothing. */
  renew(name: string, lease: Lease): boolean {
    return this.#last.has(name) && this.hear(name, lease, undefined) !== undefined;
  }

  last(name: string): Heartbeat | undefined {
    return this.#last.get(name);
  }

  forget(name: string): void {
    this.#last.delete(name);
  }

  /**
   * In how many milliseconds, if nothing is heard until then, the node can run nothing any more that may be moved; 0 or less:
   * it cannot now. Undefined when nobody knows: it was never heard by this process, or its agent has no fence.
   */
  untilFenced(name: string): Milliseconds | undefined {
    const { heardAt, fenceMs } = this.#last.get(name) ?? {};
    if (heardAt === undefined || fenceMs === undefined) return undefined;
    return heardAt + this.#graceMs + fenceMs + FENCE_MARGIN_MS - this.#clock.uptime();
  }
}
