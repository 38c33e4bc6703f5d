import { alignColumns } from './columns.ts';

/** `Name:  value` lines; those without a value are left out. */
export function fields(rows: [string, string | undefined | false][]): string[] {
  return alignColumns(rows.flatMap(([name, value]) => (value ? [[`${name}:`, value]] : [])));
}

export function indent(lines: string[]): string[] {
  return lines.map(line => `  ${line}`);
}
