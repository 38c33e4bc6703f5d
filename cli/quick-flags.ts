import type { Flags } from './command.ts';

// Not imported: that would read every export of node:util, and with it load worker threads and more.
const { parseArgs } = process.getBuiltinModule('node:util');

/** An option as yargs takes it; what is read here takes the same table. */
export interface QuickOption {
  alias?: string;
  type: 'string' | 'boolean';
  /** Given any number of times, a value each. */
  array?: boolean;
  default?: string | boolean;
  describe: string;
}

const GLOBALS: Record<string, Omit<QuickOption, 'describe'>> = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', alias: 'n' },
  verbose: { type: 'boolean', alias: 'v', default: false },
};

const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * Reads a plain command line, whose first word is the command, in a thousandth of the time that yargs takes to load.
 * Undefined for whatever is not plain (help, wrong use, a value that two parsers could read differently): yargs then
 * says what there is to say.
 */
export function readQuickFlags(
  argv: string[],
  table: Record<string, QuickOption>,
): { flags: Flags; words: string[] } | undefined {
  const known = { ...GLOBALS, ...table };
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { type, alias, array, default: value }]) => [
      name,
      {
        type,
        ...(alias && { short: alias }),
        ...(array && { multiple: true }),
        ...(value !== undefined && { default: value }),
      },
    ]),
  );
  try {
    const { values, positionals, tokens } = parseArgs({
      args: argv.slice(1),
      options,
      allowPositionals: true,
      allowNegative: true,
      tokens: true,
    });
    const seen = new Set<string>();
    for (const token of tokens) {
      if (token.kind === 'option-terminator') return undefined;
      if (token.kind !== 'option') continue;
      if (token.value?.startsWith('=') || token.value === '') return undefined;
      if (seen.has(token.name) && !known[token.name]?.array) return undefined;
      seen.add(token.name);
    }
    if (positionals.some(word => word === '' || word === 'help')) return undefined;
    const flags = Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value]));
    return { flags: { ...flags, _: [argv[0]] } as unknown as Flags, words: positionals };
  } catch {
    return undefined;
  }
}
