import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import { createResolver } from '../resources.ts';
import type { Manifest } from './read.ts';

/** A manifest that is ready to be sent: its kind found, its namespace filled in, its status left out. */
export interface Prepared {
  manifest: Manifest;
  resource: Resource;
  /** The server may not serve it yet: a CustomResourceDefinition in the same files declares it. */
  isNewKind: boolean;
}

/** Everything is checked before anything is written. Throws CliError. */
export async function prepare(
  manifests: Manifest[],
  namespaceFlag: string | undefined,
  context: CommandContext,
): Promise<Prepared[]> {
  const namespace = await context.namespace();
  const declared = manifests.flatMap(({ object }) => kindsOf(object));
  const resolver = createResolver(context.client, context.signal);
  const seen = new Set<string>();
  const prepared: Prepared[] = [];
  for (const { object, source } of manifests) {
    const own = declared.find(
      one => one.kind === object.kind && `${one.group}/${one.version}` === object.apiVersion,
    );
    const resource = own ?? (await resolver.ofObject(object));
    const metadata = { ...object.metadata };
    if (!metadata.name)
      throw usageError(`${source}: ${object.kind}: metadata.name is missing`, 'what is applied has a name');
    if (resource.namespaced) {
      if (namespaceFlag && metadata.namespace && metadata.namespace !== namespaceFlag)
        throw usageError(
          `${source}: its namespace is ${metadata.namespace}, but -n says ${namespaceFlag}`,
          'leave -n out, or the namespace out of the file',
        );
      metadata.namespace ??= namespace;
    } else delete metadata.namespace;
    const key = `${resource.group}/${resource.kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    if (seen.has(key)) throw usageError(`${source}: ${object.kind} ${metadata.name} is in the files twice`);
    seen.add(key);
    const { status: _, ...rest } = object as KubeObject & { status?: unknown };
    prepared.push({
      manifest: { source, object: { ...rest, metadata } },
      resource,
      isNewKind: own !== undefined,
    });
  }
  return prepared;
}

interface DefinitionSpec {
  group?: string;
  scope?: string;
  names?: { kind?: string; plural?: string };
  versions?: { name?: string; served?: boolean }[];
}

/** The kinds that a CustomResourceDefinition declares; none for any other object. */
function kindsOf(object: KubeObject): Resource[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const { group, scope, names, versions } = (object as KubeObject & { spec?: DefinitionSpec }).spec ?? {};
  const { kind, plural } = names ?? {};
  if (!group || !kind || !plural || !Array.isArray(versions)) return [];
  return versions.flatMap(({ name, served }) =>
    name && served !== false
      ? [{ group, version: name, kind, plural, namespaced: scope === 'Namespaced' }]
      : [],
  );
}
