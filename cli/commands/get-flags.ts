import type { Flags } from '../command.ts';
import { type QuickOption, readQuickFlags } from '../quick-flags.ts';

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
} as const satisfies Record<string, QuickOption>;

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

/** Reads a plain command line of `get`, as readQuickFlags() does. */
export function readGetFlags(argv: string[]): GetFlags | undefined {
  const read = argv[0] === 'get' ? readQuickFlags(argv, GET_OPTIONS) : undefined;
  const [resource, ...names] = read?.words ?? [];
  return read && resource ? ({ ...read.flags, resource, names } as GetFlags) : undefined;
}
