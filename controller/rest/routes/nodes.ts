import { NODE } from '../../../crds/kinds.ts';
import type { Node } from '../../../crds/types.generated.ts';
import { isApiError } from '../../kit/errors.ts';
import { clientOf } from '../callers.ts';
import { RestError } from '../rest-error.ts';
import { about, type Call, type Route } from '../route.ts';
import * as schema from '../schemas.ts';
import { heartbeatOf } from '../surroundings.ts';
import { nodeView } from '../views/node-view.ts';

const ID = schema.object({ id: { type: 'string', maxLength: 50 } });
const ADDRESS = { type: 'string', maxLength: 253 } as const;
const LABELS = {
  type: 'object',
  maxProperties: 64,
  propertyNames: {
    maxLength: 317,
    pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$',
  },
  additionalProperties: {
    type: 'string',
    maxLength: 63,
    pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$',
  },
} as const;

/** Throws RestError. */
export async function nodeOf({ caller, params }: Call): Promise<Node> {
  const name = params.id ?? '';
  return about('node', () => clientOf(caller).get(NODE, { name })).catch(error => {
    if (error instanceof RestError && isApiError(error.cause, 'NotFound'))
      throw new RestError('node_not_found', `There is no node ${name}.`);
    throw error;
  });
}

async function view({ context }: Call, node: Node) {
  return nodeView(node, await heartbeatOf(context.client, node.metadata.name));
}

interface NodeBody {
  name: string;
  address?: string;
  labels?: Record<string, string>;
  unschedulable?: boolean;
}

const CHANGES = { address: ADDRESS, labels: LABELS, unschedulable: { type: 'boolean' } } as const;

export const NODE_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    url: '/nodes',
    summary: 'Declare a node; its agent joins with a token',
    tag: 'nodes',
    body: schema.body(
      { name: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 50 }, ...CHANGES },
      ['name'],
    ),
    answers: { 201: schema.NODE },
    async handle(call) {
      const { name, labels, ...spec } = call.body as NodeBody;
      const node: Node = {
        apiVersion: 'nexus.dev/v1alpha1',
        kind: 'Node',
        metadata: { name, ...(labels && { labels }) },
        spec,
      };
      const created = await about('node', () => clientOf(call.caller).create(NODE, node));
      call.reply.code(201);
      return view(call, created);
    },
  },
  {
    method: 'GET',
    url: '/nodes',
    summary: 'All nodes',
    tag: 'nodes',
    answers: {
      200: schema.object({ nodes: { type: 'array', items: schema.NODE }, total: { type: 'integer' } }),
    },
    async handle(call) {
      const { items } = await about('node', () => clientOf(call.caller).list(NODE));
      return { nodes: await Promise.all(items.map(node => view(call, node))), total: items.length };
    },
  },
  {
    method: 'GET',
    url: '/nodes/:id',
    summary: 'A node',
    tag: 'nodes',
    params: ID,
    answers: { 200: schema.NODE },
    handle: async call => view(call, await nodeOf(call)),
  },
  {
    method: 'PUT',
    url: '/nodes/:id',
    summary: 'Change address, labels or whether new workspaces are kept off; what is not named stays',
    tag: 'nodes',
    params: ID,
    body: schema.body(CHANGES, []),
    answers: { 200: schema.NODE },
    async handle(call) {
      const { labels, ...spec } = call.body as Omit<NodeBody, 'name'>;
      const { name } = (await nodeOf(call)).metadata;
      const change = { ...(labels && { metadata: { labels } }), spec };
      return view(
        call,
        await about('node', () => clientOf(call.caller).patch(NODE, { name }, 'merge', change)),
      );
    },
  },
  {
    method: 'DELETE',
    url: '/nodes/:id',
    summary: 'Forget a node that has no workspaces',
    tag: 'nodes',
    params: ID,
    answers: { 204: { type: 'null', description: 'Gone.' } },
    async handle(call) {
      const { metadata, status } = await nodeOf(call);
      const count = status?.allocated?.workspaces ?? 0;
      if (count > 0)
        throw new RestError('still_running', `${metadata.name} has ${count} workspaces; drain it first.`);
      await about('node', () => clientOf(call.caller).delete(NODE, { name: metadata.name }));
      return call.reply.code(204).send();
    },
  },
  {
    method: 'GET',
    url: '/nodes/:id/status',
    summary: 'Conditions, capacity and load of a node',
    tag: 'nodes',
    params: ID,
    answers: {
      200: schema.object({
        id: schema.text,
        status: schema.text,
        last_seen: { type: ['string', 'null'] },
        workspaces: { type: 'integer' },
        capacity: { type: 'object', additionalProperties: schema.text },
        allocated: { type: 'object', additionalProperties: schema.text },
        conditions: {
          type: 'array',
          items: schema.object({
            type: schema.text,
            status: schema.text,
            reason: schema.text,
            message: schema.text,
          }),
        },
      }),
    },
    async handle(call) {
      const node = await nodeOf(call);
      const { capacity = {}, allocated = {}, conditions = [] } = node.status ?? {};
      const { workspaces = 0, ...amounts } = allocated;
      const { id, status, last_seen } = await view(call, node);
      return { id, status, last_seen, workspaces, capacity, allocated: amounts, conditions };
    },
  },
];
