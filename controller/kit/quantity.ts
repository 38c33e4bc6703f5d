/** Suffixes as [numerator, denominator]. */
const FACTORS: Record<string, readonly [bigint, bigint]> = {
  n: [1n, 10n ** 9n],
  u: [1n, 10n ** 6n],
  m: [1n, 1000n],
  '': [1n, 1n],
  k: [1000n, 1n],
  M: [10n ** 6n, 1n],
  G: [10n ** 9n, 1n],
  T: [10n ** 12n, 1n],
  P: [10n ** 15n, 1n],
  E: [10n ** 18n, 1n],
  Ki: [1n << 10n, 1n],
  Mi: [1n << 20n, 1n],
  Gi: [1n << 30n, 1n],
  Ti: [1n << 40n, 1n],
  Pi: [1n << 50n, 1n],
  Ei: [1n << 60n, 1n],
};
const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|(n|u|m|k|[MGTPE]|[KMGTPE]i))?$/;
/** What nearly all are: no big numbers are needed for it. */
const WHOLE = /^(\d{1,15})(|k|[MGTP]|[KMGTP]i)$/;
/** Longer ones are mistakes. */
const MAX_LENGTH = 64;
const NANOS = 1_000_000_000n;

/** Any Kubernetes quantity (`4Gi`, `500m`, `1.5G`, `1e3`, `-2`), exact to a billionth; what is finer is rounded away from zero. */
export class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** undefined when the text is none. */
  static parse(text: string): Quantity | undefined {
    const match = text.length <= MAX_LENGTH ? FORM.exec(text) : null;
    if (!match) return undefined;
    const [, sign, whole = '', fraction = '', exponent = '0', suffix = ''] = match;
    if (whole === '' && fraction === '') return undefined;
    const [numerator, denominator] = FACTORS[suffix] ?? [1n, 1n];
    const power = Number(exponent) - fraction.length;
    const over = BigInt(whole + fraction) * numerator * NANOS * 10n ** BigInt(Math.max(0, power));
    const under = denominator * 10n ** BigInt(Math.max(0, -power));
    const nanos = (over + under - 1n) / under;
    return new Quantity(sign === '-' ? -nanos : nanos);
  }

  isInteger(): boolean {
    return this.nanos % NANOS === 0n;
  }
  toInteger(): bigint {
    return this.nanos / NANOS;
  }
  toFloat(): number {
    return Number(this.nanos) / 1e9;
  }
  compare(other: Quantity): bigint {
    return this.nanos < other.nanos ? -1n : this.nanos > other.nanos ? 1n : 0n;
  }
  plus(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos);
  }
  minus(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos);
  }
}

/** Bytes in a Kubernetes quantity (`4Gi`, `512Mi`, `1.5G`, `1024`), rounded up; undefined when it is none or negative. */
export function parseBytes(quantity: string): number | undefined {
  const [, whole, unit = ''] = WHOLE.exec(quantity) ?? [];
  if (whole !== undefined) {
    const bytes = Number(whole) * Number((FACTORS[unit] as readonly [bigint, bigint])[0]);
    if (bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  }
  return inUnitsOf(NANOS, quantity);
}

/** Thousandths of a core in a Kubernetes quantity (`2`, `0.5`, `500m`), rounded up; undefined when it is none or negative. */
export function parseCpuMillis(quantity: string): number | undefined {
  return inUnitsOf(NANOS / 1000n, quantity);
}

function inUnitsOf(unitNanos: bigint, quantity: string): number | undefined {
  const nanos = Quantity.parse(quantity)?.nanos;
  if (nanos === undefined || nanos < 0n) return undefined;
  const units = Number((nanos + unitNanos - 1n) / unitNanos);
  return Number.isFinite(units) ? units : undefined;
}

/** Whole cores as `2`, else `1500m`. */
export function formatCpuMillis(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

/** The largest binary unit that divides it: `4Gi`, `512Mi`, else plain bytes. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0';
  for (const unit of ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = Number(FACTORS[unit]?.[0]);
    if (bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}
