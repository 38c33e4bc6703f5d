import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { tooManyRequests } from '../refusals.ts';

export interface LevelLimits {
  /** Seats taken at once. A request takes one, or more when much is to be read for it. */
  readonly seats: number;
  /** Of them, by one user. */
  readonly seatsPerUser: number;
  /** Requests of one user that wait for a seat. */
  readonly queuedPerUser: number;
  /** How long one waits before it is refused. */
  readonly waitMs: Milliseconds;
  readonly watches: number;
  readonly watchesPerUser: number;
}

export type Rejection = 'queue-full' | 'time-out' | 'cancelled' | 'concurrency-limit';

/** What a level tells of itself, as it happens. */
export interface LevelObserver {
  rejected(level: string, reason: Rejection): void;
  waited(level: string, ms: Milliseconds): void;
}

/** Takes the seat back. Once. */
export type Release = () => void;

interface Waiting {
  readonly seats: number;
  start(): void;
}

/** What one user has under way. */
interface Flow {
  readonly user: string;
  seats: number;
  watches: number;
  readonly queue: Waiting[];
}

/**
 * A share of the server for one class of users. A user has some seats at once; what goes beyond waits in a queue of
 * that user's, and users take turns, so that who sends much waits for himself.
 */
export class PriorityLevel {
  readonly name: string;
  readonly #limits: LevelLimits;
  readonly #clock: Clock;
  readonly #observer: LevelObserver;
  readonly #flows = new Map<string, Flow>();
  /** Those with somebody waiting, the next one first. */
  #turns: Flow[] = [];
  #seats = 0;
  #watches = 0;
  #queued = 0;

  constructor(
    name: string,
    { limits, clock, observer }: { limits: LevelLimits; clock: Clock; observer: LevelObserver },
  ) {
    this.name = name;
    this.#limits = limits;
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Seats that are taken. */
  get seats(): number {
    return this.#seats;
  }

  get queued(): number {
    return this.#queued;
  }

  get watches(): number {
    return this.#watches;
  }

  /**
   * A seat, at once where there is one. `onGone` is told what to do when the client does not wait any longer. Throws, and
   * rejects with, TooManyRequests.
   */
  enter(user: string, seats: number, onGone: (leave: () => void) => void): Release | Promise<Release> {
    const flow = this.#flowOf(user);
    const wanted = Math.min(seats, this.#limits.seatsPerUser, this.#limits.seats);
    if (flow.queue.length === 0 && this.#fits(flow, wanted) && !this.#isShort())
      return this.#seat(flow, wanted);
    if (flow.queue.length >= this.#limits.queuedPerUser) throw this.#reject(flow, 'queue-full');
    return this.#wait(flow, wanted, onGone);
  }

  /** Counts a watch. Throws TooManyRequests. */
  openWatch(user: string): Release {
    const flow = this.#flowOf(user);
    if (flow.watches >= this.#limits.watchesPerUser || this.#watches >= this.#limits.watches)
      throw this.#reject(flow, 'concurrency-limit');
    flow.watches++;
    this.#watches++;
    return () => {
      flow.watches--;
      this.#watches--;
      this.#forget(flow);
    };
  }

  #flowOf(user: string): Flow {
    const known = this.#flows.get(user);
    if (known) return known;
    const flow: Flow = { user, seats: 0, watches: 0, queue: [] };
    this.#flows.set(user, flow);
    return flow;
  }

  #forget(flow: Flow): void {
    if (flow.seats === 0 && flow.watches === 0 && flow.queue.length === 0) this.#flows.delete(flow.user);
  }

  #fits(flow: Flow, seats: number): boolean {
    return flow.seats + seats <= this.#limits.seatsPerUser && this.#seats + seats <= this.#limits.seats;
  }

  /** Whether somebody waits who has not had his share: nobody passes him. */
  #isShort(): boolean {
    return this.#turns.some(flow => flow.seats + flow.queue[0]!.seats <= this.#limits.seatsPerUser);
  }

  #seat(flow: Flow, seats: number): Release {
    flow.seats += seats;
    this.#seats += seats;
    return () => {
      flow.seats -= seats;
      this.#seats -= seats;
      this.#dispatch();
      this.#forget(flow);
    };
  }

  #wait(flow: Flow, seats: number, onGone: (leave: () => void) => void): Promise<Release> {
    const { waitMs } = this.#limits;
    const since = this.#clock.now();
    return new Promise((resolve, reject) => {
      const leave = (reason: Rejection) => {
        if (!this.#unqueue(flow, waiting)) return;
        cancel();
        reject(this.#reject(flow, reason));
        // Who stood behind may take fewer seats.
        this.#dispatch();
      };
      const cancel = this.#clock.after(waitMs, () => leave('time-out'));
      const waiting: Waiting = {
        seats,
        start: () => {
          cancel();
          this.#observer.waited(this.name, this.#clock.now() - since);
          resolve(this.#seat(flow, seats));
        },
      };
      if (flow.queue.push(waiting) === 1) this.#turns.push(flow);
      this.#queued++;
      onGone(() => leave('cancelled'));
    });
  }

  #unqueue(flow: Flow, waiting: Waiting): boolean {
    const at = flow.queue.indexOf(waiting);
    if (at < 0) return false;
    flow.queue.splice(at, 1);
    this.#queued--;
    if (flow.queue.length === 0) this.#turns = this.#turns.filter(one => one !== flow);
    return true;
  }

  /** Seats those who wait, a turn each. Who cannot for want of seats of the level keeps the others behind him. */
  #dispatch(): void {
    let passed = 0;
    while (passed < this.#turns.length) {
      const flow = this.#turns[passed]!;
      const waiting = flow.queue[0]!;
      if (this.#seats + waiting.seats > this.#limits.seats) return;
      if (!this.#fits(flow, waiting.seats)) {
        passed++;
        continue;
      }
      this.#unqueue(flow, waiting);
      if (flow.queue.length > 0) {
        this.#turns.splice(passed, 1);
        this.#turns.push(flow);
      }
      waiting.start();
    }
  }

  #reject(flow: Flow, reason: Rejection) {
    this.#forget(flow);
    this.#observer.rejected(this.name, reason);
    return tooManyRequests();
  }
}
