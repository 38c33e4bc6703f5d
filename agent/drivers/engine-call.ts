export type EngineCall = <T>(what: string, call: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * Runs one call of an engine and throws only what `toDriverError` makes of a failure, or the signal's reason. `what` reads
 * as in `start nexus-shop`.
 */
export function engineCaller(toDriverError: (error: unknown, what: string) => Error): EngineCall {
  return async (what, call, signal) => {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      throw toDriverError(error, what);
    }
  };
}
