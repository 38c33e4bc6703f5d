import { setTimeout as pause } from 'node:timers/promises';
import { waits } from './open-handles.mjs';

/** What a machine with ten other things to do may take for anything. A wait that ends by what it waits for is no longer for it. */
const PATIENCE_MS = 90_000;

/** For how long something is waited for that takes `ms` at most on a machine with nothing else to do. */
export const patience = (ms: number): number => Math.max(ms, PATIENCE_MS);

export interface UntilOptions {
  /** On a machine with nothing else to do: see `patience`. */
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
  const timeoutMs = patience(options.timeoutMs);
  const deadline = performance.now() + timeoutMs;
  const wait = () => `waits for ${options.what()}`;
  waits.add(wait);
  try {
    for (;;) {
      const found = await look();
      if (found) return found;
      if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s for ${options.what()}`);
      await pause(options.everyMs ?? 50);
    }
  } finally {
    waits.delete(wait);
  }
}

/** What `promise` resolves with; rejects when that takes too long. For what tells its end by an event that may never come. */
export async function within<T>(promise: Promise<T>, options: Omit<UntilOptions, 'everyMs'>): Promise<T> {
  const timeoutMs = patience(options.timeoutMs);
  const over = new AbortController();
  const late = pause(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`waited ${timeoutMs / 1000} s for ${options.what()}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
