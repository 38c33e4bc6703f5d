import type { Driver } from '../../agent/driver.ts';
import type { Guest } from '../../agent/guest/guest.ts';
import type { Transport } from '../../controller/client/transport.ts';
import { untilAborted } from '../../controller/kit/abort.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { ApiError } from '../../controller/kit/errors.ts';

/** Up; cut: nothing passes; mute: requests arrive, answers do not. */
export type LinkState = 'up' | 'cut' | 'mute';

/** A connection whose peer has vanished is noticed after this. */
const DEAD_MS = 25_000;

/**
 * What a process has to do with the world - time, network, engine - in the hands of a test. Frozen, nothing of it comes
 * back, as after SIGSTOP; killed, everything fails at once and nothing more happens. Lost packets are silence, not errors.
 */
export class Sandbox {
  readonly #clock: Clock;
  #frozen: PromiseWithResolvers<void> | undefined;
  #isDead = false;
  #link: LinkState = 'up';
  #linkChanged = Promise.withResolvers<void>();
  #downSince = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get link(): LinkState {
    return this.#link;
  }

  set link(state: LinkState) {
    if (state === this.#link) return;
    if (this.#link === 'up') this.#downSince = this.#clock.now();
    this.#link = state;
    this.#linkChanged.resolve();
    this.#linkChanged = Promise.withResolvers();
  }

  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = undefined;
  }

  kill(): void {
    this.#isDead = true;
    this.thaw();
  }

  /** The clock as the process sees it: its timers do not run while it is frozen. */
  readonly clock: Clock = {
    now: () => this.#clock.now(),
    uptime: () => this.#clock.uptime(),
    after: (ms, fn) => {
      let isCancelled = false;
      const cancel = this.#clock.after(ms, () => {
        const run = () => {
          if (!isCancelled) fn();
        };
        if (this.#frozen) void this.#frozen.promise.then(run);
        else run();
      });
      return () => {
        isCancelled = true;
        cancel();
      };
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const cancel = this.clock.after(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        const onAbort = () => {
          cancel();
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };

  /** `inner` over the link. */
  transport(inner: Transport): Transport {
    return {
      request: async request => {
        await this.#gate();
        const { signal } = request;
        if (this.#link === 'cut') await this.#silence(signal);
        const response = await inner.request(request);
        if (this.#link !== 'up') {
          response.destroy();
          await this.#silence(signal);
        }
        await this.#gate();
        return { ...response, body: this.#body(response.body, signal) };
      },
      close: () => inner.close(),
    };
  }

  driver(inner: Driver): Driver {
    return this.#gated(inner);
  }

  guest(inner: Guest): Guest {
    return this.#gated(inner);
  }

  async #gate(): Promise<void> {
    while (this.#frozen) await this.#frozen.promise;
    if (this.#isDead) throw new ApiError('Unreachable', 'the process was killed');
  }

  /** Until the peer is given up; the link may be up again by then. */
  async #silence(signal: AbortSignal | undefined): Promise<never> {
    await untilAborted(this.clock.sleep(DEAD_MS), signal);
    throw new ApiError('Unreachable', 'no answer');
  }

  /** What comes while the link is down comes when it is up again, or never. */
  async *#body(body: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const chunks = body[Symbol.asyncIterator]();
    const ahead = () => {
      const chunk = chunks.next();
      const next = { chunk, isThere: false, arrived: Promise.resolve() };
      const arrive = () => {
        next.isThere = true;
      };
      next.arrived = chunk.then(arrive, arrive);
      return next;
    };
    try {
      for (let next = ahead(); ; ) {
        if (!next.isThere)
          await untilAborted(Promise.race([next.arrived, this.#linkChanged.promise, this.#death()]), signal);
        await this.#gate();
        if (this.#isGivenUp()) throw new ApiError('Unreachable', 'the connection died');
        if (this.#link !== 'up') {
          await untilAborted(Promise.race([this.#linkChanged.promise, this.#death()]), signal);
          continue;
        }
        if (!next.isThere) continue;
        const chunk = await next.chunk;
        if (chunk.done) return;
        yield chunk.value;
        next = ahead();
      }
    } finally {
      void chunks.return?.();
    }
  }

  #isGivenUp(): boolean {
    return this.#link !== 'up' && this.#clock.now() >= this.#downSince + DEAD_MS;
  }

  /** Resolves when a connection would be given up; never while the link is up. */
  #death(): Promise<void> {
    if (this.#link === 'up') return new Promise(() => {});
    const leftMs = Math.max(0, this.#downSince + DEAD_MS - this.#clock.now());
    return new Promise(resolve => this.#clock.after(leftMs, resolve));
  }

  /** Every method waits for the gate before and after; iterables before each item. */
  #gated<T extends object>(inner: T): T {
    return new Proxy(inner, {
      get: (target, name, receiver) => {
        const value = Reflect.get(target, name, receiver);
        if (typeof value !== 'function' || name === 'render' || name === 'handover' || name === 'close')
          return value;
        return (...args: unknown[]) => {
          const call = () => Reflect.apply(value, target, args);
          if (name === 'watch') return this.#items(call as () => AsyncIterable<unknown>);
          return this.#gate().then(async () => {
            const result = await call();
            await this.#gate();
            return result;
          });
        };
      },
    });
  }

  async *#items<T>(open: () => AsyncIterable<T>): AsyncGenerator<T> {
    await this.#gate();
    for await (const item of open()) {
      await this.#gate();
      yield item;
    }
  }
}
