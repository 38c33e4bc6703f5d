import { withoutColor } from './style.ts';

/** Between columns. */
const GAP = 3;
/** A column and its gap, at least; as kubectl's. */
const MIN_COLUMN = 6;

/** A cell that is not its row's last, filled up to a column of `width`. */
export function padCell(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(width + GAP, MIN_COLUMN) - displayWidth(cell));
}

/** Rows as aligned columns, the way kubectl prints them. Widths follow the widest cell; the last column is not padded. */
export function alignColumns(rows: string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
  return rows.map(row =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : padCell(cell, widths[i] as number)))
      .join('')
      .trimEnd(),
  );
}

/** Code points without colours, which is near enough for what names and states hold. */
export function displayWidth(text: string): number {
  return [...withoutColor(text)].length;
}
