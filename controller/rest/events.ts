import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NODE, NODE_COMMAND, type Resource, WORKSPACE } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Node, NodeCommand, Workspace } from '../../crds/types.generated.ts';
import type { WatchEvent } from '../client/client.ts';
import { slept } from '../kit/abort.ts';
import { isApiError } from '../kit/errors.ts';
import { type Caller, clientOf } from './callers.ts';
import type { RestContext } from './rest-context.ts';
import { RestError } from './rest-error.ts';
import { heartbeatOf, surroundingsOf } from './surroundings.ts';
import { commandView, isFinished } from './views/command-view.ts';
import { nodeView } from './views/node-view.ts';
import { listView } from './views/workspace-view.ts';

/** Of each kind, what a stream has seen of each: its Last-Event-ID. */
type Position = Record<'workspaces' | 'nodes' | 'commands', string | undefined>;
type Change<T extends KubeObject> = Exclude<WatchEvent<T>['type'], 'BOOKMARK'>;

const URL = '/api/v1/events';
const KEEPALIVE_MS = 15_000;
const RETRY_MS = 1_000;
const MAX_STREAMS = 500;
/** Of one caller. */
const MAX_OWN_STREAMS = 20;
/** Whoever reads slower than this is cut off; they come back where they were. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** The last is absent from those who began with an earlier version. */
const ID = /^(\d*)-(\d*)(?:-(\d*))?$/;

/**
 * `GET /api/v1/events` for clients of server-sent events; without their Accept header the path is the Kubernetes API's.
 * An id is a position in the API's own history, so a stream goes on over restarts of the server; where that history is
 * gone, everything is told once as it is now.
 */
export function registerEvents(
  scope: FastifyInstance,
  context: RestContext,
  callerOf: (request: FastifyRequest) => Caller,
): void {
  const open = new Map<string, number>();
  let total = 0;
  scope.addConstraintStrategy({
    name: 'eventStream',
    storage() {
      const handlers = new Map<unknown, never>();
      return {
        get: (type: unknown) => handlers.get(type) ?? null,
        set: (type: unknown, handler: never) => void handlers.set(type, handler),
      };
    },
    deriveConstraint: request =>
      /\btext\/event-stream\b/.test(String(request.headers.accept ?? '')) ? 'yes' : undefined,
    validate() {},
  });
  scope.route({
    method: 'GET',
    url: URL,
    exposeHeadRoute: false,
    constraints: { eventStream: 'yes' },
    schema: {
      summary:
        'Server-sent events: node_registered, node_updated, node_unregistered, workspace_updated, command_result; resumable by Last-Event-ID',
      tags: ['server'],
      security: [{ bearer: [] }],
      produces: ['text/event-stream'],
      response: { 200: { type: 'string' } },
    },
    async handler(request, reply) {
      const caller = callerOf(request);
      clientOf(caller);
      const own = open.get(caller.name) ?? 0;
      if (total >= MAX_STREAMS || own >= MAX_OWN_STREAMS)
        throw new RestError('rate_limited', 'Too many event streams are open; close some.', {
          retry_after_seconds: 10,
        });
      const ending = new AbortController();
      const signal = AbortSignal.any([ending.signal, context.signal]);
      const out = new PassThrough({ highWaterMark: MAX_BUFFERED_BYTES });
      total++;
      open.set(caller.name, own + 1);
      reply.raw.once('close', () => {
        ending.abort();
        total--;
        const left = (open.get(caller.name) ?? 1) - 1;
        if (left > 0) open.set(caller.name, left);
        else open.delete(caller.name);
      });
      void stream(context, caller, out, String(request.headers['last-event-id'] ?? ''), signal).finally(() =>
        out.end(),
      );
      return reply
        .header('cache-control', 'no-cache, no-transform')
        .header('x-accel-buffering', 'no')
        .type('text/event-stream')
        .send(out);
    },
  });
}

async function stream(
  context: RestContext,
  caller: Caller,
  out: PassThrough,
  lastId: string,
  signal: AbortSignal,
): Promise<void> {
  const [, workspaces, nodes, commands] = ID.exec(lastId) ?? [];
  const at: Position = {
    workspaces: workspaces || undefined,
    nodes: nodes || undefined,
    commands: commands || undefined,
  };
  const write = (text: string) => {
    if (out.writableLength > MAX_BUFFERED_BYTES) out.destroy();
    else if (!out.destroyed) out.write(text);
  };
  const tell = (event: string, data: object) =>
    write(
      `id: ${at.workspaces ?? ''}-${at.nodes ?? ''}-${at.commands ?? ''}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
    );
  const { client } = context;
  const seesAll = await context.callers.may(caller, 'list', 'workspaces').catch(() => false);
  const keepalive = async () => {
    write(': hello\n\n');
    while (await slept(context.clock, KEEPALIVE_MS, signal)) write(': still here\n\n');
  };
  await Promise.all([
    keepalive(),
    follow<Workspace>(
      {
        context,
        caller,
        resource: WORKSPACE,
        at,
        key: 'workspaces',
        signal,
        namespace: seesAll ? undefined : caller.name,
      },
      async (type, workspace) => {
        const view = listView(workspace, await surroundingsOf(client, workspace));
        tell('workspace_updated', type === 'DELETED' ? { ...view, status: 'deleting', deleted: true } : view);
      },
    ),
    follow<Node>({ context, caller, resource: NODE, at, key: 'nodes', signal }, async (type, node) => {
      const view = nodeView(node, await heartbeatOf(client, node.metadata.name));
      tell(NODE_EVENTS[type], view);
    }),
    follow<NodeCommand>(
      { context, caller, resource: NODE_COMMAND, at, key: 'commands', signal },
      async (type, command) => {
        if (type !== 'DELETED' && isFinished(command)) tell('command_result', commandView(command));
      },
    ),
  ]);
}

const NODE_EVENTS = {
  ADDED: 'node_registered',
  MODIFIED: 'node_updated',
  DELETED: 'node_unregistered',
} as const;

interface Following<T extends KubeObject> {
  context: RestContext;
  caller: Caller;
  resource: Resource<T>;
  namespace?: string | undefined;
  at: Position;
  key: keyof Position;
  signal: AbortSignal;
}

/** Tells every change until `signal` is aborted, or the caller may not see this kind. */
async function follow<T extends KubeObject>(
  { context, caller, resource, namespace, at, key, signal }: Following<T>,
  tell: (type: Change<T>, object: T) => Promise<void>,
): Promise<void> {
  const client = clientOf(caller);
  const scope = namespace === undefined ? {} : { namespace };
  let isLost = false;
  while (!signal.aborted) {
    try {
      if (at[key] === undefined) {
        const list = await client.list(resource, { ...scope, signal });
        at[key] = list.metadata.resourceVersion;
        if (isLost) for (const object of list.items) await tell('MODIFIED', object);
      }
      const query = { ...scope, resourceVersion: at[key], allowWatchBookmarks: true, signal };
      for await (const { type, object } of client.watch(resource, query)) {
        at[key] = object.metadata.resourceVersion;
        if (type !== 'BOOKMARK') await tell(type, object);
      }
    } catch (error) {
      if (signal.aborted || isApiError(error, 'Forbidden', 'Unauthorized')) return;
      if (isApiError(error, 'Expired', 'Gone')) {
        at[key] = undefined;
        isLost = true;
        continue;
      }
      context.log.debug({ err: error }, 'an event stream waits for the API');
    }
    await slept(context.clock, RETRY_MS, signal);
  }
}
