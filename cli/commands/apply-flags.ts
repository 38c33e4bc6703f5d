import { MANIFEST_OPTIONS, type ManifestFlags } from '../manifest/options.ts';
import { type QuickOption, readQuickFlags } from '../quick-flags.ts';

export const APPLY_OPTIONS = {
  ...MANIFEST_OPTIONS,
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Ask the server what would happen, and change nothing',
  },
  prune: {
    type: 'boolean',
    default: false,
    describe: 'Delete what -l selects, was applied before, and is not in the files',
  },
  selector: { alias: 'l', type: 'string', describe: 'With --prune: label selector' },
  wait: { type: 'boolean', default: false, describe: 'Wait until workspaces are as declared' },
  timeout: { type: 'string', default: '5m', describe: 'With --wait: how long' },
  output: {
    alias: 'o',
    type: 'string',
    describe: 'json, yaml or name: print the objects instead of what happened',
  },
} as const satisfies Record<string, QuickOption>;

export interface ApplyFlags extends ManifestFlags {
  dryRun: boolean;
  prune: boolean;
  selector?: string;
  wait: boolean;
  timeout: string;
  output?: string;
}

/** Reads a plain command line of `apply`, as readQuickFlags() does. */
export function readApplyFlags(argv: string[]): ApplyFlags | undefined {
  const read = argv[0] === 'apply' ? readQuickFlags(argv, APPLY_OPTIONS) : undefined;
  return read?.words.length === 0 && read.flags.filename ? (read.flags as ApplyFlags) : undefined;
}
