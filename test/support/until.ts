import { setTimeout as pause } from 'node:timers/promises';

export interface UntilOptions {
  timeoutMs: number;
  /** For the error: what was waited for, and what there was instead. */
  what: () => string;
  /** Between looks. Defaults to 50 ms. */
  everyMs?: number;
}

/** Waits for a condition: looks again and again until `look` gives something truthy, and gives that. */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline)
      throw new Error(`waited ${options.timeoutMs / 1000} s for ${options.what()}`);
    await pause(options.everyMs ?? 50);
  }
}
