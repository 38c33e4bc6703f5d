/** Figures of a benchmark: a table for people, and one line of JSON for programs. */

export interface Figures {
  name: string;
  /** Milliseconds, or whatever `unit` says. */
  values: number[];
  unit?: string;
}

/** The value below which a share `p` (0 to 1) of `values` lies. */
export function percentile(values: number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export const median = (values: number[]): number => percentile(values, 0.5);

export interface Verdict {
  what: string;
  value: number;
  /** `<=` or `>=` the target is good. */
  bound: '<=' | '>=';
  target: number;
}

/** Prints minimum, median, p99 and maximum of each, the targets met or missed, and the last line of JSON. */
export function report(
  bench: string,
  figures: Figures[],
  verdicts: Verdict[] = [],
  more: Record<string, unknown> = {},
): void {
  const number = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));
  const rows = figures.map(({ name, values, unit = 'ms' }) => [
    name,
    String(values.length),
    number(Math.min(...values)),
    number(median(values)),
    number(percentile(values, 0.99)),
    number(Math.max(...values)),
    unit,
  ]);
  const table = [['', 'n', 'min', 'median', 'p99', 'max', ''], ...rows];
  const widths = table[0]?.map((_, i) => Math.max(...table.map(row => row[i]?.length ?? 0))) ?? [];
  for (const row of table)
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    );
  for (const { what, value, bound, target } of verdicts) {
    const good = bound === '<=' ? value <= target : value >= target;
    console.log(`${good ? 'met   ' : 'MISSED'}  ${what}: ${number(value)} (target ${bound} ${target})`);
  }
  const medians = Object.fromEntries(
    figures.map(({ name, values }) => [name, Number(median(values).toFixed(3))]),
  );
  const ratios = Object.fromEntries(verdicts.map(({ what, value }) => [what, Number(value.toFixed(3))]));
  console.log(JSON.stringify({ bench, medians, ratios, ...more }));
}
