import type { Clock, Milliseconds } from '../../kit/clock.ts';

/** How soon after a change of rights watches are looked through: changes come in bursts. */
const GATHER_MS: Milliseconds = 1000;
/** And without any, for credentials that run out. */
const LOOK_MS: Milliseconds = 60_000;

interface OpenWatch {
  /** Whether whoever opened it would be let in now. */
  readonly isAllowed: () => Promise<boolean>;
  readonly end: () => void;
}

/** Ends watches whose user has lost the right to them: a watch would else tell for as long as the connection lasts. */
export class OpenWatches {
  readonly #clock: Clock;
  readonly #watches = new Set<OpenWatch>();
  #cancel: (() => void) | undefined;
  #isSoon = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns what forgets the watch. */
  add(watch: OpenWatch): () => void {
    this.#watches.add(watch);
    this.#cancel ??= this.#clock.after(LOOK_MS, () => this.#look());
    return () => this.#watches.delete(watch);
  }

  /** Rights or credentials have changed. */
  changed(): void {
    if (this.#isSoon || this.#watches.size === 0) return;
    this.#isSoon = true;
    this.#cancel?.();
    this.#cancel = this.#clock.after(GATHER_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#watches.clear();
  }

  #look(): void {
    this.#isSoon = false;
    this.#cancel = this.#watches.size > 0 ? this.#clock.after(LOOK_MS, () => this.#look()) : undefined;
    for (const watch of this.#watches)
      void watch.isAllowed().then(isAllowed => {
        if (!isAllowed) watch.end();
      });
  }
}
