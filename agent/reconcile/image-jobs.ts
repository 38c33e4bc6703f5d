import type { Driver, ImageProgress } from '../driver.ts';
import { DriverError } from '../driver.ts';
import type { Desired } from '../model/desired.ts';
import type { ActionFailure, ObservedImage } from '../model/observed.ts';

/** Percentages that are told: a status is written for each. */
const STEP_PERCENT = 25;

/** The fetching of one placement's image, in the background: a slow registry holds up no worker. */
export class ImageJob {
  readonly #image: string;
  readonly #login: string | undefined;
  readonly #abort = new AbortController();
  #progress: { phase: ImageProgress['phase']; message: string };
  #done = false;
  readonly ended: Promise<void>;

  /** `onChange` is called when there is something new to tell, and `onEnd` once. */
  constructor(
    driver: Driver,
    { image, imageLogin }: Pick<Desired, 'image' | 'imageLogin'>,
    listen: { onChange: () => void; onEnd: (failure?: ActionFailure) => void },
  ) {
    this.#image = image;
    this.#login = imageLogin?.token;
    this.#progress = { phase: 'pulling', message: `pulling ${image}` };
    this.ended = driver
      .ensureImage(image, {
        signal: this.#abort.signal,
        ...(imageLogin?.login && { login: imageLogin.login }),
        onProgress: progress => {
          const next = { phase: progress.phase, message: tell(image, progress) };
          if (next.message === this.#progress.message) return;
          this.#progress = next;
          listen.onChange();
        },
      })
      .then(
        () => this.#end(listen.onEnd),
        error => this.#end(listen.onEnd, failureOf(error)),
      );
  }

  /** Whether this is what it fetches, with the login that is known now. */
  isFor({ image, imageLogin }: Pick<Desired, 'image' | 'imageLogin'>): boolean {
    return this.#image === image && this.#login === imageLogin?.token;
  }

  /** Undefined when it has ended. */
  get state(): ObservedImage | undefined {
    return this.#done ? undefined : { state: 'Fetching', ...this.#progress };
  }

  stop(): Promise<void> {
    this.#abort.abort();
    return this.ended;
  }

  #end(onEnd: (failure?: ActionFailure) => void, failure?: ActionFailure): void {
    this.#done = true;
    if (!this.#abort.signal.aborted) onEnd(failure);
  }
}

function tell(image: string, { phase, percent }: ImageProgress): string {
  if (phase === 'building') return `adding SSH and Git to ${image}`;
  const step = percent === undefined ? 0 : Math.floor(percent / STEP_PERCENT) * STEP_PERCENT;
  return step > 0 ? `pulling ${image} (${step} %)` : `pulling ${image}`;
}

/** What an attempt came to, for status and backoff. */
export function failureOf(error: unknown): ActionFailure {
  if (error instanceof DriverError)
    return {
      code: error.code,
      message: error.message,
      ...(error.ports.length > 0 && { ports: error.ports }),
    };
  return { code: 'Internal', message: error instanceof Error ? error.message : String(error) };
}
