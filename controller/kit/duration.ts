import type { Milliseconds } from './clock.ts';

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration as Go writes it (`1h30m`, `-1.5s`, `0`), and `d` for 24 hours. Undefined when it is none. */
export function parseDuration(text: string): Milliseconds | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+|0)$/.exec(text.trim());
  if (!match) return undefined;
  let ms = 0;
  for (const [, number, unit] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)([a-zµμ]+)/g))
    ms += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  return match[1] === '-' ? -ms : ms;
}

/** A duration as Go prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`. To the millisecond. */
export function formatDuration(ms: Milliseconds): string {
  const total = Math.round(Math.abs(ms));
  const sign = ms < 0 && total > 0 ? '-' : '';
  if (total === 0) return '0s';
  if (total < 1000) return `${sign}${total}ms`;
  const hours = Math.floor(total / 3_600_000);
  const minutes = Math.floor((total % 3_600_000) / 60_000);
  const seconds = (total % 60_000) / 1000;
  const head = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : '';
  return `${sign}${head}${seconds}s`;
}

/** An age as kubectl prints it (duration.HumanDuration): `45s`, `5m30s`, `3h4m`, `3d4h`, `200d`, `2y30d`. */
export function formatAge(ms: Milliseconds): string {
  const seconds = Math.trunc(ms / 1000);
  // Clocks of two machines differ a little; more than that is a wrong clock.
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 192) return withRest(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

const withRest = (n: number, unit: string, rest: number, restUnit: string) =>
  rest === 0 ? `${n}${unit}` : `${n}${unit}${rest}${restUnit}`;
