import { alignColumns } from './columns.ts';
import { printable } from './style.ts';

/** meta.k8s.io/v1 Table, as the server renders it. */
export interface Table {
  kind: 'Table';
  metadata: { resourceVersion?: string; continue?: string };
  columnDefinitions?: { name: string; type: string; priority?: number }[];
  rows?: TableRow[];
}

export interface TableRow {
  cells: unknown[];
  object?: { metadata?: { name?: string; namespace?: string; labels?: Record<string, string> } };
}

export const TABLE_ACCEPT = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export interface TableOptions {
  /** Columns of a priority above 0 too. */
  wide: boolean;
  /** A first column with the namespace. */
  withNamespace: boolean;
  withLabels: boolean;
  /** Put before the names, as in `workspace.nexus.dev/`. */
  prefix?: string;
}

/** Header and rows as cells. `columns` are the definitions of the table, which a watch sends only once. */
export function tableCells(
  columns: NonNullable<Table['columnDefinitions']>,
  rows: TableRow[],
  options: TableOptions,
): { header: string[]; rows: string[][] } {
  const shown = columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => options.wide || !column.priority);
  const header = [
    ...(options.withNamespace ? ['NAMESPACE'] : []),
    ...shown.map(({ column }) => column.name.toUpperCase()),
    ...(options.withLabels ? ['LABELS'] : []),
  ];
  return {
    header,
    rows: rows.map(row => [
      ...(options.withNamespace ? [row.object?.metadata?.namespace ?? ''] : []),
      ...shown.map(
        ({ index }, position) => (position === 0 ? (options.prefix ?? '') : '') + cellText(row.cells[index]),
      ),
      ...(options.withLabels ? [labelText(row.object?.metadata?.labels)] : []),
    ]),
  };
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  return printable(String(cell));
}

function labelText(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

/** Lines of a whole table. */
export function renderTable(table: Table, options: TableOptions & { noHeaders: boolean }): string[] {
  const { header, rows } = tableCells(table.columnDefinitions ?? [], table.rows ?? [], options);
  return alignColumns(options.noHeaders ? rows : [header, ...rows]);
}
