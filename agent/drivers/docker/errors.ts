import { DriverError, type DriverErrorCode } from '../../driver.ts';
import { engineCaller } from '../engine-call.ts';

interface EngineFailure extends Error {
  statusCode?: number;
  code?: string;
  json?: { message?: string; cause?: string };
}

/** The engine's own sentence, without the client's decoration. */
export function engineMessage(error: unknown): string {
  const failure = error as EngineFailure;
  const text = failure?.json?.message ?? failure?.message ?? String(error);
  return text.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

/** HTTP status of an engine's refusal; undefined when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as EngineFailure)?.statusCode;
}

/**
 * Any failure of a call as DriverError; one that is already passes as it is, and so does the reason of an aborted signal.
 * `what` reads as in `start nexus-shop`.
 */
export function toDriverError(error: unknown, what: string): Error {
  if (error instanceof DriverError) return error;
  const failure = error as EngineFailure;
  if (failure?.name === 'AbortError' || failure?.name === 'TimeoutError') return failure;
  const status = failure?.statusCode;
  if (status === undefined)
    return failure?.code || /socket hang up|aborted/.test(failure?.message ?? '')
      ? new DriverError(
          'EngineUnavailable',
          `the engine does not answer (${what}: ${failure.code ?? failure.message})`,
          { cause: error },
        )
      : new DriverError('Internal', `${what}: ${failure?.message ?? error}`, { cause: error });
  return new DriverError(codeOf(status), `${what}: ${engineMessage(error)}`, { cause: error });
}

/** Runs one call of the engine and throws only DriverError (or the signal's reason). */
export const engineCall = engineCaller(toDriverError);

function codeOf(status: number): DriverErrorCode {
  if (status === 404) return 'NotFound';
  if (status === 409) return 'InUse';
  if (status === 503) return 'EngineUnavailable';
  return status >= 400 && status < 500 ? 'Invalid' : 'Internal';
}
