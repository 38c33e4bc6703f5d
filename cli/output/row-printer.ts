import type { CommandContext } from '../command.ts';
import { displayWidth, padCell } from './columns.ts';
import { type Table, type TableOptions, tableCells } from './table.ts';

export interface RowPrinterOptions extends TableOptions {
  headers: boolean;
}

/** Prints rows as they come: widths only grow, so that columns line up as well as they can. */
export function createRowPrinter(
  { print }: Pick<CommandContext, 'print'>,
  options: RowPrinterOptions,
): { print(table: Table): void } {
  // A watch sends the definitions once.
  let columns: NonNullable<Table['columnDefinitions']> | undefined;
  let isHeaderDue = options.headers;
  const widths: number[] = [];
  return {
    print(table) {
      if (table.columnDefinitions?.length) columns = table.columnDefinitions;
      if (!columns || !table.rows?.length) return;
      const { header, rows } = tableCells(columns, table.rows, options);
      const lines = isHeaderDue ? [header, ...rows] : rows;
      isHeaderDue = false;
      for (const cells of lines)
        for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
      for (const cells of lines)
        print(
          cells
            .map((cell, i) => (i === cells.length - 1 ? cell : padCell(cell, widths[i] ?? 0)))
            .join('')
            .trimEnd(),
        );
    },
  };
}
