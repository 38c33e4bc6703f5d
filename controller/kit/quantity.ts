const FACTORS: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Bytes in a Kubernetes quantity (`4Gi`, `512Mi`, `1.5G`, `1024`), rounded up; undefined when it is none. */
export function parseBytes(quantity: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)(k|[MGTP]|[KMGTP]i)?$/.exec(quantity);
  const factor = match && FACTORS[match[2] ?? ''];
  return match && factor !== undefined && factor !== null ? Math.ceil(Number(match[1]) * factor) : undefined;
}

/** Thousandths of a core in a Kubernetes quantity (`2`, `0.5`, `500m`), rounded up; undefined when it is none. */
export function parseCpuMillis(quantity: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)(m)?$/.exec(quantity);
  if (!match) return undefined;
  return match[2] ? Math.ceil(Number(match[1])) : Math.ceil(Number((Number(match[1]) * 1000).toFixed(6)));
}

/** Whole cores as `2`, else `1500m`. */
export function formatCpuMillis(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

/** The largest binary unit that divides it: `4Gi`, `512Mi`, else plain bytes. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0';
  for (const unit of ['Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = FACTORS[unit] ?? 1;
    if (bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}
