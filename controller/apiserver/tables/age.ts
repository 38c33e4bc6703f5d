import type { Milliseconds } from '../../kit/clock.ts';
import { formatAge } from '../../kit/duration.ts';

/** Age of an RFC 3339 time as kubectl prints it; `<unknown>` without one. */
export function ageOf(time: unknown, now: Milliseconds): string {
  if (typeof time !== 'string' || time === '') return '<unknown>';
  const at = Date.parse(time);
  return Number.isNaN(at) ? '<invalid>' : formatAge(now - at);
}
