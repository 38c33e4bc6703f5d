import type { Client } from '../controller/client/client.ts';
import { isApiError } from '../controller/kit/errors.ts';
import { NAMESPACE, type Resource, WORKSPACE } from '../crds/kinds.ts';
import type { KubeObject } from '../crds/object.ts';
import type { CommandContext } from './command.ts';
import { nameOf } from './output/format.ts';

interface Applied {
  resource: Resource;
  object: KubeObject;
}

export interface PruneOptions {
  client: Client;
  applied: Applied[];
  selector: string;
  dryRun: boolean;
  fieldManager: string;
}

/**
 * Deletes what `selector` selects, was applied by us before, and is not among `applied`: of the kinds that were applied
 * and of workspaces, in the namespaces that were applied to. What somebody else made is left alone, whatever its labels.
 */
export async function prune(options: PruneOptions, context: CommandContext): Promise<void> {
  const { client, applied, fieldManager } = options;
  const keep = new Set(applied.map(({ object }) => object.metadata.uid));
  for (const { resource, namespace } of await scopes(applied, context)) {
    const list = await client.list(resource, {
      namespace,
      labelSelector: options.selector,
      signal: context.signal,
    });
    for (const object of list.items) {
      const ours = object.metadata.managedFields?.some(
        entry => entry.manager === fieldManager && entry.operation === 'Apply',
      );
      if (!ours || keep.has(object.metadata.uid) || object.metadata.deletionTimestamp) continue;
      const { uid } = object.metadata;
      await client
        .delete(resource, object.metadata, {
          dryRun: options.dryRun,
          preconditions: { uid },
          signal: context.signal,
        })
        .catch(error => {
          if (!isApiError(error, 'NotFound')) throw error;
        });
      context.print(`${nameOf(object)} pruned${options.dryRun ? ' (dry run)' : ''}`);
    }
  }
}

async function scopes(
  applied: Applied[],
  context: CommandContext,
): Promise<{ resource: Resource; namespace?: string }[]> {
  const found = new Map<string, { resource: Resource; namespace?: string }>();
  const add = (resource: Resource, namespace?: string) =>
    found.set(`${resource.group}/${resource.plural}/${namespace ?? ''}`, { resource, namespace });
  // A deleted namespace takes everything along: never by pruning.
  for (const { resource, object } of applied)
    if (resource.kind !== NAMESPACE.kind) add(resource, object.metadata.namespace);
  const namespaces = new Set(
    applied.map(({ object }) => object.metadata.namespace).filter(name => name !== undefined),
  );
  for (const namespace of namespaces.size > 0 ? namespaces : [await context.namespace()])
    add(WORKSPACE, namespace);
  return [...found.values()];
}
