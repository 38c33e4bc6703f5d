import { NODE_COMMAND } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import type { NodeCommand, NodeCommandSpec } from '../../../crds/types.generated.ts';
import { clientOf } from '../callers.ts';
import { RestError } from '../rest-error.ts';
import { about, type Call, type Route } from '../route.ts';
import * as schema from '../schemas.ts';
import { COMMAND_NAMES, commandKey, commandView, isFinished } from '../views/command-view.ts';
import { nodeOf } from './nodes.ts';

/** Of one node, not yet done. */
const MAX_WAITING = 20;

async function dispatch(call: Call<NodeCommandSpec>) {
  const client = clientOf(call.caller);
  const { name } = (await nodeOf(call)).metadata;
  const namespace = nodeNamespace(name);
  const { items } = await about('command', () => client.list(NODE_COMMAND, { namespace }));
  if (items.filter(command => !isFinished(command)).length >= MAX_WAITING)
    throw new RestError(
      'rate_limited',
      `${MAX_WAITING} commands wait for node ${name}; see what became of them.`,
      {
        retry_after_seconds: 10,
      },
    );
  const command: NodeCommand = {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'NodeCommand',
    metadata: { generateName: 'cmd-', namespace } as NodeCommand['metadata'],
    spec: { command: call.body.command },
  };
  const created = await about('command', () => client.create(NODE_COMMAND, command));
  call.reply.code(202);
  return commandView(created);
}

export const COMMAND_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    url: '/nodes/:id/commands',
    summary: "Have a node's agent do something by name; its result comes later",
    tag: 'nodes',
    params: schema.object({ id: { type: 'string', maxLength: 50 } }),
    body: schema.body({ command: { type: 'string', enum: [...COMMAND_NAMES] } }, ['command']),
    answers: { 202: schema.COMMAND },
    handle: call => dispatch(call as Call<NodeCommandSpec>),
  },
  {
    method: 'GET',
    url: '/commands/:id',
    summary: 'What became of a command; known for an hour',
    tag: 'nodes',
    params: schema.object({ id: { type: 'string', maxLength: 120 } }),
    answers: { 200: schema.COMMAND },
    async handle({ caller, params }) {
      const key = commandKey(params.id ?? '');
      if (!key) throw new RestError('command_not_found', 'There is no such command, or it is forgotten.');
      const { name, node } = key;
      return commandView(
        await about('command', () =>
          clientOf(caller).get(NODE_COMMAND, { name, namespace: nodeNamespace(node) }),
        ),
      );
    },
  },
];
