import type { Client } from '../../controller/client/client.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { JOIN_TOKEN_TYPE, readKeptToken } from '../../controller/kit/join-token.ts';
import { NAMESPACE, NODE, PLACEMENT, SECRET } from '../../crds/kinds.ts';
import { ANNOTATION_LOCAL_NODE, nodeNamespace, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { followObject } from '../wait/follow.ts';
import { findNode, nodeNames } from './change.ts';
import { dropToken } from './token.ts';

export interface RemoveFlags extends Flags {
  force: boolean;
  wait: boolean;
  timeout?: string;
}

export const REMOVE_OPTIONS = {
  force: {
    type: 'boolean',
    default: false,
    describe: 'remove: also with workspaces on it, whose files stay on that machine alone',
  },
} as const;

const DEFAULT_TIMEOUT = '1m';
/** Most workspaces that a refusal names. */
const MAX_NAMED = 5;

/**
 * `nexus node remove`: the node is no more. Its agent's key lets in nobody, its connections are cut, its rights, its
 * namespace and the tokens to join under its name go. On the machine nothing is done: its agent finds itself shut out.
 */
export async function removeNodes(
  args: string[],
  flags: RemoveFlags,
  context: CommandContext,
): Promise<number> {
  const { timeout = DEFAULT_TIMEOUT, force } = flags;
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) throw usageError(`--timeout takes a duration such as 5m, not "${timeout}"`);
  const client = await context.client();
  const nodes: { node: Node; workspaces: string[] }[] = [];
  for (const name of nodeNames(args, 'nexus node remove NAME')) {
    const node = await findNode(client, name, context.signal);
    nodes.push({ node, workspaces: await placedOn(client, name, context.signal) });
  }
  for (const { node, workspaces } of force ? [] : nodes) {
    if (node.metadata.annotations?.[ANNOTATION_LOCAL_NODE] === 'true') throw ownMachine(node);
    if (workspaces.length > 0) throw occupied(node, workspaces);
  }
  const expired = new AbortController();
  const cancel = context.clock.after(timeoutMs, () => expired.abort());
  const signal = AbortSignal.any([context.signal, expired.signal]);
  try {
    for (const { node, workspaces } of nodes)
      await removeOne(client, { node, workspaces, isWaiting: flags.wait }, signal, context);
  } finally {
    cancel();
  }
  return EXIT.done;
}

async function placedOn(client: Client, node: string, signal: AbortSignal): Promise<string[]> {
  const { items } = await client.list(PLACEMENT, { namespace: nodeNamespace(node), signal });
  return items.map(({ spec }) => `${spec.workspace.namespace}/${spec.workspace.name}`).sort();
}

function ownMachine({ metadata: { name } }: Node): CliError {
  return new CliError(`node ${name} is the machine of the server itself, which would make it again`, {
    exitCode: EXIT.conflict,
    next: 'start the server without an agent (nexus controller), then --force',
  });
}

function occupied({ metadata: { name } }: Node, workspaces: string[]): CliError {
  const more = workspaces.length - MAX_NAMED;
  const named = workspaces.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
  return new CliError(
    `node ${name} has ${workspaces.length} ${workspaces.length === 1 ? 'workspace' : 'workspaces'}: ${named}`,
    {
      exitCode: EXIT.conflict,
      next: `nexus node drain ${name} moves those that may be; delete the others; --force gives up what is on that machine`,
    },
  );
}

async function removeOne(
  client: Client,
  { node, workspaces, isWaiting }: { node: Node; workspaces: string[]; isWaiting: boolean },
  signal: AbortSignal,
  context: CommandContext,
): Promise<void> {
  const { name, uid } = node.metadata;
  // Nobody may come in under the name any more, before it is given up.
  await dropTokensFor(client, name, context);
  await client.delete(NODE, { name }, { preconditions: { uid }, signal }).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
  });
  if (workspaces.length > 0)
    context.note(
      `${workspaces.join(', ')}: what may be moved begins elsewhere once it is sure to have stopped there; the rest is Unknown ` +
        'until it is deleted, or that machine joins again under the same name.',
    );
  if (isWaiting)
    await untilGone(client, { name, uid, hasWorkspaces: workspaces.length > 0 }, signal, context);
  context.print(`node/${name} removed`);
  context.note(
    `On that machine, if it is still there: systemctl disable --now nexus-agent (without systemd: kill $(cat /run/nexus-agent.pid)); rm -r /var/lib/nexus/agent`,
  );
}

async function dropTokensFor(client: Client, node: string, context: CommandContext): Promise<void> {
  const { items } = await client.list(SECRET, {
    namespace: SYSTEM_NAMESPACE,
    labelSelector: `${JOIN_TOKEN_TYPE}=true`,
    signal: context.signal,
  });
  for (const token of items.flatMap(item => readKeptToken(item) ?? []))
    if (token.nodeName === node) await dropToken(context, token.id);
}

/** Until the Node is gone, and with it its namespace unless something is placed there. Throws CliError. */
async function untilGone(
  client: Client,
  { name, uid, hasWorkspaces }: { name: string; uid?: string; hasWorkspaces: boolean },
  signal: AbortSignal,
  context: CommandContext,
): Promise<void> {
  const options = { signal, clock: context.clock };
  let isGone = false;
  for await (const found of followObject(client, NODE, { name }, options)) {
    isGone = found?.metadata.uid !== uid;
    if (isGone) break;
  }
  if (isGone && hasWorkspaces) return;
  if (isGone)
    for await (const found of followObject(client, NAMESPACE, { name: nodeNamespace(name) }, options))
      if (!found) return;
  context.signal.throwIfAborted();
  throw new CliError(`node ${name} is not gone yet; it goes on`, {
    exitCode: EXIT.timeout,
    next: `nexus describe ns ${nodeNamespace(name)}`,
  });
}
