import { parseDuration } from '../../controller/kit/duration.ts';
import { usageError } from '../errors.ts';

/** Milliseconds of `--timeout`; 0, where that makes sense, is to look once. Throws CliError usage. */
export function readTimeout(text: string, { mayBeZero = true } = {}): number {
  const ms = parseDuration(text);
  if (ms === undefined || (ms <= 0 && !mayBeZero))
    throw usageError(`--timeout must be a duration such as 90s or 5m, not "${text}"`);
  return ms;
}
