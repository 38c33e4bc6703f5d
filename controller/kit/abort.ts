import type { Clock, Milliseconds } from './clock.ts';

/** Resolves when `signal` is aborted; at once if it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * A controller that is aborted with its parent (same reason) and can be aborted alone. `unlink` frees the parent's
 * listener: call it when the child is done, or the parent holds it for ever.
 */
export function childAbort(parent?: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  if (!parent) return { controller, unlink() {} };
  const onAbort = () => controller.abort(parent.reason);
  if (parent.aborted) onAbort();
  else parent.addEventListener('abort', onAbort, { once: true });
  return { controller, unlink: () => parent.removeEventListener('abort', onAbort) };
}

/** `promise`, or a rejection with the signal's reason when that comes first. The promise itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** `promise`, or a rejection with `error()` after `ms`. The promise itself goes on. */
export function withTimeout<T>(
  promise: Promise<T>,
  ms: Milliseconds,
  clock: Clock,
  error: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(error()));
    promise.then(resolve, reject).finally(cancel);
  });
}

/** Sleeps; true when the time passed, false when `signal` ended it. Never throws. */
export async function slept(clock: Clock, ms: Milliseconds, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
