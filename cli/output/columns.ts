/** Between columns. */
export const GAP = 3;

/** Rows as aligned columns, the way kubectl prints them. Widths follow the widest cell; the last column is not padded. */
export function alignColumns(rows: string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
  return rows.map(row =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] as number)))
      .join('')
      .trimEnd(),
  );
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(width - displayWidth(cell) + GAP);
}

/** Code points, which is near enough for what names and states hold. */
export function displayWidth(text: string): number {
  return [...text].length;
}
