const NANOS = 1_000_000_000n;
const SCALES: Readonly<Record<string, [numerator: bigint, denominator: bigint]>> = {
  n: [1n, 1_000_000_000n],
  u: [1n, 1_000_000n],
  m: [1n, 1000n],
  '': [1n, 1n],
  k: [1000n, 1n],
  M: [10n ** 6n, 1n],
  G: [10n ** 9n, 1n],
  T: [10n ** 12n, 1n],
  P: [10n ** 15n, 1n],
  E: [10n ** 18n, 1n],
  Ki: [2n ** 10n, 1n],
  Mi: [2n ** 20n, 1n],
  Gi: [2n ** 30n, 1n],
  Ti: [2n ** 40n, 1n],
  Pi: [2n ** 50n, 1n],
  Ei: [2n ** 60n, 1n],
};
const FORM = /^([+-]?)(\d{1,40})?(?:\.(\d{0,40}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

/** A Kubernetes quantity, exact to a billionth; what is finer is rounded up. */
export class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** undefined when the text is none. */
  static parse(text: string): Quantity | undefined {
    const match = FORM.exec(text);
    if (!match || (match[2] === undefined && !match[3])) return undefined;
    const fraction = match[3] ?? '';
    const [numerator, denominator] = scaleOf(match[4], match[5]);
    const digits = BigInt((match[2] ?? '') + fraction) * NANOS * numerator;
    const divisor = denominator * 10n ** BigInt(fraction.length);
    const nanos = (digits + divisor - 1n) / divisor;
    return new Quantity(match[1] === '-' ? -nanos : nanos);
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

function scaleOf(suffix: string | undefined, exponent: string | undefined): [bigint, bigint] {
  if (exponent === undefined) return SCALES[suffix ?? ''] ?? [1n, 1n];
  const power = BigInt(exponent);
  return power >= 0n ? [10n ** power, 1n] : [1n, 10n ** -power];
}
