import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';

/** Free: it may run. Hold: what runs goes on, nothing is started. Stop: it must not run. */
export type FenceVerdict = 'Free' | 'Hold' | 'Stop';

/**
 * What lets a node run workspaces that may be moved away from it. It is open from when the server, after a heartbeat, said
 * what is still placed here, and closes when no heartbeat was acknowledged for the fence time. The controller moves a
 * workspace only when more than that has passed since it heard of the node. Both measure lengths of time alone, the agent
 * from before it sent and the controller from after it heard, so no clocks need to agree.
 */
export class Fence {
  readonly fenceMs: Milliseconds;
  readonly #clock: Clock;
  readonly #onExpiry: () => void;
  /** Uptime at which it closes. */
  #until: Milliseconds;
  #isOpen = false;
  #hasExpired = false;
  /** Placements, by uid, that the server named since it was opened. */
  readonly #named = new Set<string>();
  #cancel: (() => void) | undefined;

  /** Closed; what is found running may go on for the fence time. `onExpiry`: it is not open any more. */
  constructor({ clock, fenceMs, onExpiry }: { clock: Clock; fenceMs: Milliseconds; onExpiry: () => void }) {
    this.#clock = clock;
    this.fenceMs = fenceMs;
    this.#onExpiry = onExpiry;
    this.#until = clock.uptime() + fenceMs;
    this.#arm();
  }

  get isOpen(): boolean {
    this.#look();
    return this.#isOpen;
  }

  /** Until it closes; 0 when it has. */
  get leftMs(): Milliseconds {
    return Math.max(0, this.#until - this.#clock.uptime());
  }

  /** The server acknowledged a heartbeat that was sent at this uptime. Opens nothing. */
  renewed(sentAt: Milliseconds): void {
    this.#look();
    this.#until = Math.max(this.#until, sentAt + this.fenceMs);
    this.#arm();
  }

  /** After a heartbeat was acknowledged the server named these, and nothing else that is here runs any more. */
  open(uids: Iterable<string>): void {
    if (this.leftMs === 0) return;
    this.#isOpen = true;
    this.#hasExpired = false;
    for (const uid of uids) this.#named.add(uid);
  }

  /** While it is open, the server named this one. */
  name(uid: string): void {
    if (this.isOpen) this.#named.add(uid);
  }

  verdict(uid: string): FenceVerdict {
    if (this.isOpen) return this.#named.has(uid) ? 'Free' : 'Hold';
    return this.#hasExpired ? 'Stop' : 'Hold';
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    if (this.#until > this.#clock.uptime()) return;
    this.#isOpen = false;
    this.#hasExpired = true;
    this.#named.clear();
  }

  /** Timers do not run while the machine sleeps: whoever asks looks at the time, too. */
  #arm(): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(this.leftMs, () => {
      if (this.leftMs > 0) return this.#arm();
      this.#look();
      this.#onExpiry();
    });
  }
}
