import { isApiError } from '../../controller/kit/errors.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { didYouMean } from '../suggest.ts';
import { followObject } from '../wait/follow.ts';

/** As people may write it: `shop`, `ws/shop`. */
export const workspaceName = (text: string): string => text.replace(/^(ws|workspaces?)\//, '');

async function missing(name: string, namespace: string, context: CommandContext): Promise<CliError> {
  const { items } = await (await context.client())
    .list(WORKSPACE, { namespace, limit: 500, signal: context.signal })
    .catch(() => ({ items: [] }));
  const guess = didYouMean(
    name,
    items.map(({ metadata }) => metadata.name),
  );
  return new CliError(`there is no workspace ${name} in namespace ${namespace}${guess}`, {
    exitCode: EXIT.notFound,
    next: 'nexus workspace list; -n NAMESPACE for those of others',
  });
}

/** A workspace of the person's namespace. Throws CliError when it is not there. */
export async function findWorkspace(text: string, context: CommandContext): Promise<Workspace> {
  const client = await context.client();
  const key = { name: workspaceName(text), namespace: await context.namespace() };
  return client.get(WORKSPACE, key, context.signal).catch(async error => {
    throw isApiError(error, 'NotFound') ? await missing(key.name, key.namespace, context) : error;
  });
}

/** What it is now and after each change, until it is gone or Ctrl-C. Throws CliError when it is not there at first. */
export async function* followWorkspace(text: string, context: CommandContext): AsyncGenerator<Workspace> {
  const client = await context.client();
  const key = { name: workspaceName(text), namespace: await context.namespace() };
  let wasThere = false;
  for await (const workspace of followObject(client, WORKSPACE, key, context)) {
    if (!workspace && !wasThere) throw await missing(key.name, key.namespace, context);
    if (!workspace) return context.note(`${key.name} was deleted`);
    wasThere = true;
    yield workspace;
  }
}
