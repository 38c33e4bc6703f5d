import type { Flags } from '../command.ts';

// Not imported: that would read every export of node:util, and with it load worker threads and more.
const { parseArgs } = process.getBuiltinModule('node:util');

/** The flags of `get`, as yargs takes them; the quick reader below takes the same table. */
export const GET_OPTIONS = {
  output: {
    alias: 'o',
    type: 'string',
    describe: 'table, wide, json, yaml, name or jsonpath={…}',
  },
  watch: { alias: 'w', type: 'boolean', default: false, describe: 'Go on showing changes' },
  'watch-only': { type: 'boolean', default: false, describe: 'Show changes alone, not what there is' },
  'all-namespaces': { alias: 'A', type: 'boolean', default: false, describe: 'Of all namespaces' },
  selector: { alias: 'l', type: 'string', describe: 'Label selector: a=b,c!=d,e in (f,g)' },
  'field-selector': { type: 'string', describe: 'Field selector: status.phase=Running' },
  headers: { type: 'boolean', default: true, describe: 'Column headers (--no-headers: none)' },
  'show-labels': { type: 'boolean', default: false, describe: 'A column with the labels' },
  'show-managed-fields': {
    type: 'boolean',
    default: false,
    describe: 'With json and yaml: managedFields too',
  },
  'ignore-not-found': {
    type: 'boolean',
    default: false,
    describe: 'Exit 0 when a named object is not there',
  },
} as const;

export interface GetFlags extends Flags {
  resource: string;
  names: string[];
  output?: string;
  watch: boolean;
  watchOnly: boolean;
  allNamespaces: boolean;
  selector?: string;
  fieldSelector?: string;
  headers: boolean;
  showLabels: boolean;
  ignoreNotFound: boolean;
  showManagedFields: boolean;
}

const GLOBALS = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  verbose: { type: 'boolean', short: 'v', default: false },
} as const;

const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * Reads a plain command line of `get` in a thousandth of the time that yargs takes to load. Undefined for whatever is
 * not plain (help, wrong use, a value that two parsers could read differently): yargs then says what there is to say.
 */
export function readGetFlags(argv: string[]): GetFlags | undefined {
  if (argv[0] !== 'get') return undefined;
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; default?: boolean }> = {
    ...GLOBALS,
  };
  for (const [name, spec] of Object.entries(GET_OPTIONS))
    options[name] = {
      type: spec.type,
      ...('alias' in spec && { short: spec.alias }),
      ...('default' in spec && { default: spec.default }),
    };
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
      if (seen.has(token.name) || token.value?.startsWith('=') || token.value === '') return undefined;
      seen.add(token.name);
    }
    const [resource, ...names] = positionals;
    if (!resource || positionals.some(word => word === '' || word === 'help')) return undefined;
    const flags = Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value]));
    return { ...flags, _: ['get'], resource, names } as unknown as GetFlags;
  } catch {
    return undefined;
  }
}
