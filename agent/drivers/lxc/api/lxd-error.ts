import { DriverError, type DriverErrorCode } from '../../../driver.ts';
import { engineCaller } from '../../engine-call.ts';

/** What LXD answered instead of doing what it was asked for. */
export class LxdError extends Error {
  /** HTTP status, of an operation that failed too; 0 when the operation tells none. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'LxdError';
    this.status = status;
  }
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof LxdError && error.status === status;
}

/** Sentences by which an operation that tells no status is told apart. */
const SENTENCES: [RegExp, DriverErrorCode][] = [
  [/(instance|storage volume|network|image|profile)s? not found|no such object/i, 'NotFound'],
  // The second of Incus, of one that ends at that moment.
  [/not running|failed to retrieve pid of executing child/i, 'NotRunning'],
  [/still in use|currently in use|is in use/i, 'InUse'],
  [/^invalid |unknown configuration key|fail(ed|ure).*validation/i, 'Invalid'],
];

/**
 * Any failure of a call as DriverError; one that is already passes as it is, and so does the reason of an aborted signal.
 * `what` reads as in `start nexus-shop`.
 */
export function toDriverError(error: unknown, what: string): Error {
  if (error instanceof DriverError) return error;
  if (!(error instanceof LxdError)) {
    const failure = error as NodeJS.ErrnoException;
    if (failure?.name === 'AbortError' || failure?.name === 'TimeoutError') return failure;
    return failure?.code || /socket hang up|aborted/.test(failure?.message ?? '')
      ? new DriverError(
          'EngineUnavailable',
          `LXD does not answer (${what}: ${failure.code ?? failure.message})`,
          { cause: error },
        )
      : new DriverError('Internal', `${what}: ${failure?.message ?? error}`, { cause: error });
  }
  return new DriverError(codeOf(error), `${what}: ${error.message}`, { cause: error });
}

function codeOf({ status, message }: LxdError): DriverErrorCode {
  if (status === 404) return 'NotFound';
  if (status === 503) return 'EngineUnavailable';
  const known = SENTENCES.find(([sentence]) => sentence.test(message))?.[1];
  return known ?? (status >= 400 && status < 500 ? 'Invalid' : 'Internal');
}

/** Runs one call of the engine and throws only DriverError (or the signal's reason). */
export const lxdCall = engineCaller(toDriverError);
