import type { Milliseconds } from '../../controller/kit/clock.ts';
import { formatAge } from '../../controller/kit/duration.ts';

/** How long ago an RFC 3339 time was, as kubectl prints it. One that is yet to come was just now: a clock is ahead. */
export const ageOf = (time: string, now: Milliseconds): string =>
  formatAge(Math.max(0, now - Date.parse(time)));
