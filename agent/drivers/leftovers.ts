import type { Clock } from '../../controller/kit/clock.ts';
import type { Logger } from '../../controller/kit/log.ts';

/** Longer than an image is worked at (INSTALL_MS): an older helper is nobody's. */
const HELPER_LIFE_MS = 40 * 60_000;

/** What one kind of engine has of things that are no instances. */
export interface LeftoverSource {
  /** Being made; `name` as given to `making`. */
  unfinished(): Promise<{ id: string; name: string }[]>;
  /** For a look into an image. */
  helpers(): Promise<{ id: string; createdMs: number }[]>;
  remove(id: string): Promise<void>;
}

/** Removes what a driver that was killed left half-made: once, and again after something could not be cleaned up. */
export class Leftovers {
  readonly #source: LeftoverSource;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #making = new Set<string>();
  #swept: Promise<void> | undefined;

  constructor(source: LeftoverSource, { clock, log }: { clock: Clock; log: Logger }) {
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
  }

  /** Keeps a name from being swept while `task` makes it. When that fails, the next sweep looks again. */
  async making<T>(name: string, task: () => Promise<T>): Promise<T> {
    this.#making.add(name);
    try {
      return await task();
    } catch (error) {
      this.#swept = undefined;
      throw error;
    } finally {
      this.#making.delete(name);
    }
  }

  sweep(): Promise<void> {
    this.#swept ??= this.#sweep();
    this.#swept.catch(() => {
      this.#swept = undefined;
    });
    return this.#swept;
  }

  async #sweep(): Promise<void> {
    const unfinished = (await this.#source.unfinished()).filter(({ name }) => !this.#making.has(name));
    const helpers = await this.#source.helpers();
    const forgotten = helpers.filter(({ createdMs }) => this.#clock.now() - createdMs > HELPER_LIFE_MS);
    for (const { id } of [...unfinished, ...forgotten]) {
      await this.#source.remove(id);
      this.#log.info({ instance: id }, 'removed something half-made of an earlier run');
    }
    // Whose those are that are left, time will tell.
    if (forgotten.length < helpers.length) this.#swept = undefined;
  }
}
