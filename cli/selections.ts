import type { Resource } from '../crds/kinds.ts';
import type { CommandContext } from './command.ts';
import { usageError } from './errors.ts';
import { resolveResource } from './resources.ts';

export interface Selection {
  resource: Resource;
  /** Absent: all of the kind. */
  name?: string;
}

/** Reads `ws`, `ws,nodes`, `ws shop blog` and `ws/shop node/a`. Throws CliError. */
export async function selections(args: string[], context: CommandContext): Promise<Selection[]> {
  const [first, ...rest] = args;
  if (first === undefined) throw usageError('which kind?', 'nexus get workspaces');
  const resolve = (name: string) => resolveResource(name, context.client, context.signal);
  if (args.some(arg => arg.includes('/'))) {
    return Promise.all(
      args.map(async arg => {
        const [kind, name, more] = arg.split('/');
        if (!kind || !name || more !== undefined) throw usageError(`"${arg}" is not of the form KIND/NAME`);
        return { resource: await resolve(kind), name };
      }),
    );
  }
  const resources = await Promise.all(first.split(',').filter(Boolean).map(resolve));
  if (rest.length === 0) return resources.map(resource => ({ resource }));
  return resources.flatMap(resource => rest.map(name => ({ resource, name })));
}
