import type { CommandContext } from '../command.ts';
import type { ManifestFlags } from './options.ts';
import { type Prepared, prepare } from './prepare.ts';
import { type Manifest, readManifests } from './read.ts';

/** The manifests, each with the kind that serves it. */
export async function readDeclared(
  flags: ManifestFlags,
  context: CommandContext,
): Promise<{ manifests: Manifest[]; prepared: Prepared[] }> {
  const manifests = await readManifests(flags.filename, context.io.stdin, { recursive: flags.recursive });
  return { manifests, prepared: await prepare(manifests, flags.namespace, context) };
}
