import { NODE, WORKSPACE } from '../crds/kinds.ts';
import type { CommandContext } from './command.ts';
import { resolveResource } from './resources.ts';

/** What the scripts of `nexus completion` call us with. */
export const COMPLETIONS = '--get-yargs-completions';

/** Commands whose first argument is the name of a workspace. */
const TAKES_WORKSPACE = new Set(['ssh', 'exec', 'logs', 'cp', 'port-forward', 'start', 'stop', 'restart']);
/** Commands whose arguments are a kind and then names of it. */
const TAKES_KIND = new Set(['get', 'describe', 'delete', 'edit', 'wait']);
const KINDS = [
  'workspaces',
  'nodes',
  'placements',
  'secrets',
  'configmaps',
  'events',
  'namespaces',
  'leases',
  'crds',
];
/** A shell waits while this runs. */
const TIMEOUT_MS = 1500;

/** Names that may come next after the words so far; none when the server is not there. */
export async function completeNames(words: string[], context: CommandContext): Promise<string[]> {
  const [command = '', ...rest] = words;
  if (TAKES_KIND.has(command) && rest.length <= 1) return KINDS;
  if (command === 'node') return completeNode(rest, context);
  if (command === 'workspace') return completeWorkspace(rest, context);
  const kind = TAKES_WORKSPACE.has(command)
    ? WORKSPACE.plural
    : TAKES_KIND.has(command)
      ? rest[0]
      : undefined;
  return kind ? namesOf(kind, context) : [];
}

async function completeNode([action = '', ...rest]: string[], context: CommandContext): Promise<string[]> {
  const { NODE_ACTIONS } = await import('./node/actions.ts');
  if (rest.length === 0) return Object.keys(NODE_ACTIONS);
  const takes = Object.hasOwn(NODE_ACTIONS, action) ? NODE_ACTIONS[action]?.takes : undefined;
  if (takes === 'nodes') return namesOf(NODE.plural, context);
  return rest.length === 1 ? [...(takes ?? [])] : [];
}

async function completeWorkspace([verb = '', ...rest]: string[], context: CommandContext): Promise<string[]> {
  const { WORKSPACE_VERBS } = await import('./workspace/verbs.ts');
  if (rest.length === 0) return Object.keys(WORKSPACE_VERBS);
  return verb === 'create' ? [] : namesOf(WORKSPACE.plural, context);
}

async function namesOf(kind: string, context: CommandContext): Promise<string[]> {
  const giveUp = new AbortController();
  const cancel = context.clock.after(TIMEOUT_MS, () => giveUp.abort());
  try {
    const resource = await resolveResource(kind, context.client, giveUp.signal);
    const client = await context.client();
    const namespace = resource.namespaced ? await context.namespace() : undefined;
    const { items } = await client.list(resource, { namespace, limit: 200, signal: giveUp.signal });
    return items.map(({ metadata }) => metadata.name);
  } catch {
    return [];
  } finally {
    cancel();
  }
}
