import type { Argv } from 'yargs';
import type { CommandContext, Flags } from '../command.ts';
import { type Prepared, prepare } from './prepare.ts';
import { type Manifest, readManifests } from './read.ts';

/** Flags of commands that hold what files declare against the server. */
export interface ManifestFlags extends Flags {
  filename: string[];
  recursive: boolean;
  forceConflicts: boolean;
}

export function manifestFlags(yargs: Argv): Argv {
  return yargs
    .option('filename', {
      alias: 'f',
      type: 'string',
      array: true,
      demandOption: true,
      nargs: 1,
      describe: 'File, folder or - for standard input',
    })
    .option('recursive', { alias: 'R', type: 'boolean', default: false, describe: 'Folders below too' })
    .option('force-conflicts', {
      type: 'boolean',
      default: false,
      describe: 'Take over fields that others have set',
    });
}

/** The manifests, each with the kind that serves it. */
export async function readDeclared(
  flags: ManifestFlags,
  context: CommandContext,
): Promise<{ manifests: Manifest[]; prepared: Prepared[] }> {
  const manifests = await readManifests(flags.filename, context.io.stdin, { recursive: flags.recursive });
  return { manifests, prepared: await prepare(manifests, flags.namespace, context) };
}
