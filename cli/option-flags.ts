import type { Argv } from 'yargs';
import { kebab, type OptionTable } from '../controller/kit/options.ts';

const YARGS_TYPES = {
  string: 'string',
  number: 'number',
  boolean: 'boolean',
  duration: 'string',
  list: 'array',
} as const;

/** A flag for each option of `table`. Defaults are told in the help, not set: resolveOptions sets them. */
export function optionFlags(yargs: Argv, table: OptionTable, group: string): Argv {
  for (const [name, spec] of Object.entries(table)) {
    const notes = [spec.default === undefined ? '' : `default ${spec.default}`, spec.env ?? '']
      .filter(Boolean)
      .join(', ');
    yargs.option(kebab(name), {
      type: YARGS_TYPES[spec.type],
      describe: notes ? `${spec.help} [${notes}]` : spec.help,
      ...(spec.choices && spec.type === 'string' && { choices: [...spec.choices] }),
      group,
    });
  }
  return yargs;
}

/** The options of `table` that were given as flags, as command-line arguments for another process. */
export function passFlags(flags: Record<string, unknown>, table: OptionTable): string[] {
  return Object.keys(table).flatMap(name => {
    const value = flags[name];
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map(item => `--${kebab(name)}=${item}`);
  });
}
