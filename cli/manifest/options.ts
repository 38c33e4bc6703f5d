import type { Flags } from '../command.ts';
import type { QuickOption } from '../quick-flags.ts';

/** Of commands that hold what files declare against the server. */
export const MANIFEST_OPTIONS = {
  filename: {
    alias: 'f',
    type: 'string',
    array: true,
    demandOption: true,
    nargs: 1,
    describe: 'File, folder or - for standard input',
  },
  recursive: { alias: 'R', type: 'boolean', default: false, describe: 'Folders below too' },
  'force-conflicts': { type: 'boolean', default: false, describe: 'Take over fields that others have set' },
} as const satisfies Record<string, QuickOption & { demandOption?: boolean; nargs?: number }>;

export interface ManifestFlags extends Flags {
  filename: string[];
  recursive: boolean;
  forceConflicts: boolean;
}
