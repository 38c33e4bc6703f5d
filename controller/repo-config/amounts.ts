import { parseDuration } from '../kit/duration.ts';
import { formatCpuMillis, parseCpuMillis } from '../kit/quantity.ts';

const MAX_SECONDS = 3600;
/** No machine has more; beyond, numbers are no longer written out. */
const MAX_CORES = 100_000;

/** Whole seconds, rounded up, of a number of seconds or a duration. Undefined when it is neither or out of 0–3600. */
export function toSeconds(value: number | string): number | undefined {
  const ms =
    typeof value === 'number' || /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : parseDuration(value);
  if (ms === undefined || ms <= 0) return undefined;
  const seconds = Math.ceil(ms / 1000);
  return seconds <= MAX_SECONDS ? seconds : undefined;
}

/** `4GB` → `4G`, `4GiB` → `4Gi`, `4096M` → `4096M`. Undefined for anything else; a bare number is a mistake of units. */
export function toByteQuantity(text: string): string | undefined {
  const match = /^([1-9]\d*(?:\.\d+)?) ?([KMGT])(i?)B?$/i.exec(text.trim());
  if (!match) return undefined;
  const [, number, unit = '', binary = ''] = match;
  const suffix = binary ? `${unit.toUpperCase()}i` : unit.toUpperCase() === 'K' ? 'k' : unit.toUpperCase();
  return `${number}${suffix}`;
}

/** Cores as a quantity: `2`, `0.5`, `500m`. */
export function toCpuQuantity(value: number | string): string | undefined {
  const millis = parseCpuMillis(String(value));
  return millis && millis <= MAX_CORES * 1000 ? formatCpuMillis(millis) : undefined;
}
