import type { Client } from '../../controller/client/client.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { NODE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';

/** As people may write it: `n1`, `node/n1`. */
export const nodeNameOf = (text: string): string => text.replace(/^(nodes?|nn)\//, '');

/** Names of the command line, of which there must be one at least. Throws CliError. */
export function nodeNames(args: string[], usage: string): string[] {
  if (args.length === 0) throw usageError('which node?', usage);
  return args.map(nodeNameOf);
}

/** Throws CliError when it is not there. */
export async function findNode(client: Client, name: string, signal: AbortSignal): Promise<Node> {
  return client.get(NODE, { name }, signal).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new CliError(`there is no node ${name}`, { exitCode: EXIT.notFound, next: 'nexus node list' });
  });
}

/** Status is written all the time: a change of a list is tried again on what is there then. */
const ATTEMPTS = 10;

/** What is to be merged into a node, if anything, and what is printed of it. */
export type NodeChange = (node: Node) => { patch?: object; said: string };

/**
 * Reads every node before the first is changed, so that a wrong name changes nothing; then writes what `change` makes of
 * each. Gives them as they are then.
 */
export async function changeNodes(
  names: string[],
  change: NodeChange,
  context: CommandContext,
): Promise<Node[]> {
  const client = await context.client();
  const found: Node[] = [];
  for (const name of names) found.push(await findNode(client, name, context.signal));
  for (const node of found) change(node);
  const changed: Node[] = [];
  for (const node of found) changed.push(await changeOne(client, node, change, context));
  return changed;
}

async function changeOne(
  client: Client,
  found: Node,
  change: NodeChange,
  context: CommandContext,
): Promise<Node> {
  let node = found;
  for (let left = ATTEMPTS; ; left--) {
    const { name, uid, resourceVersion } = node.metadata;
    const { patch, said } = change(node);
    try {
      if (patch) {
        const { metadata, ...rest } = patch as { metadata?: object };
        const body = { ...rest, metadata: { uid, resourceVersion, ...metadata } };
        const options = { fieldManager: 'nexus-node', signal: context.signal };
        node = await client.patch(NODE, { name }, 'merge', body, options);
      }
      context.print(`node/${name} ${said}`);
      return node;
    } catch (error) {
      if (left === 0 || !isApiError(error, 'Conflict')) throw error;
      node = await findNode(client, name, context.signal);
    }
  }
}
