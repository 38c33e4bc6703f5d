import type { EngineEvent } from '../driver.ts';

/** Waiting events beyond which a slow reader is told to look at everything instead. */
const LIMIT = 1000;

/**
 * Between an engine that tells and a reader that takes its time. Bounded: on overflow the waiting events are replaced by
 * one without a placement. Order is kept. After `close` what waits is still read, then iteration ends; after `fail` it
 * throws.
 */
export class EventQueue implements AsyncIterable<EngineEvent> {
  #waiting: EngineEvent[] = [];
  #wake: (() => void) | undefined;
  #end: { error?: Error } | undefined;

  push(event: EngineEvent): void {
    if (this.#end) return;
    if (this.#waiting.length >= LIMIT) this.#waiting = [{ type: 'changed' }];
    else this.#waiting.push(event);
    this.#wake?.();
  }

  close(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EngineEvent, void, undefined> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) {
        yield next;
      } else if (this.#end) {
        if (this.#end.error) throw this.#end.error;
        return;
      } else {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    }
  }
}
