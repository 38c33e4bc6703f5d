import { alignColumns } from './columns.ts';

/** As wide as the longest name that is always there, so that blocks one below the other align. */
const WIDTH = 'Annotations:'.length;

/** `Name:  value` lines; those without a value are left out. */
export function fields(rows: [string, string | undefined | false][]): string[] {
  return alignColumns(rows.flatMap(([name, value]) => (value ? [[`${name}:`.padEnd(WIDTH), value]] : [])));
}

export function indent(lines: string[]): string[] {
  return lines.map(line => `  ${line}`);
}
