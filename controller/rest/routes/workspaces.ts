import { WORKSPACE } from '../../../crds/kinds.ts';
import { placementName } from '../../../crds/names.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { timestamp } from '../../kit/clock.ts';
import { clientOf } from '../callers.ts';
import { type CreateBody, createWorkspace } from '../create-workspace.ts';
import type { RestContext } from '../rest-context.ts';
import { RestError } from '../rest-error.ts';
import { about, type Call, type Route } from '../route.ts';
import * as schema from '../schemas.ts';
import { surroundingsOf } from '../surroundings.ts';
import { parseWorkspaceId, workspaceId } from '../views/workspace-id.ts';
import { listView, serviceViews, statusOf, statusView, WORKSPACE_STATUSES } from '../views/workspace-view.ts';

const MAX_LIMIT = 200;
const MAX_COMMAND = 16_384;
const ID = schema.object({ id: { type: 'string', maxLength: 200 } });
const FORCE = { type: 'boolean', default: false } as const;

/** The workspace of an id, as the caller may see it. Throws RestError workspace_not_found. */
async function workspaceOf({ caller, params }: Call): Promise<Workspace> {
  const id = params.id ?? '';
  const missing = () =>
    new RestError('workspace_not_found', 'There is no such workspace, or you may not see it.', {
      workspace_id: id,
    });
  const key = parseWorkspaceId(id);
  if (!key) throw missing();
  const client = clientOf(caller);
  const found = await about('workspace', () => client.get(WORKSPACE, key)).catch(error => {
    // Whether a workspace of somebody else is there is nobody's business.
    if (error instanceof RestError && ['forbidden', 'workspace_not_found'].includes(error.code))
      throw missing();
    throw error;
  });
  if (!found.metadata.uid?.startsWith(key.uid)) throw missing();
  return found;
}

/** All that the caller may see: of one owner, else of everybody, else their own. */
async function list(call: Call) {
  const { context, caller, query } = call;
  const client = clientOf(caller);
  const { owner, status, limit, offset } = query as {
    owner?: string;
    status?: string;
    limit: number;
    offset: number;
  };
  const seesAll = owner === undefined && (await context.callers.may(caller, 'list', 'workspaces'));
  const namespace = owner ?? (seesAll ? undefined : caller.name);
  const { items } = await about('workspace', () =>
    client.list(WORKSPACE, { ...(namespace && { namespace }) }),
  );
  const matching = items
    .filter(workspace => status === undefined || statusOf(workspace) === status)
    .sort(
      (a, b) =>
        compare(b.metadata.creationTimestamp, a.metadata.creationTimestamp) ||
        compare(workspaceId(a), workspaceId(b)),
    );
  const page = matching.slice(offset, offset + limit);
  const workspaces = await Promise.all(
    page.map(async workspace => listView(workspace, await surroundingsOf(context.client, workspace))),
  );
  return { workspaces, total: matching.length, limit, offset };
}

const compare = (a = '', b = '') => (a < b ? -1 : a > b ? 1 : 0);

async function setRunning(call: Call, running: boolean) {
  const { context, caller } = call;
  const { force = false } = (call.body ?? {}) as { force?: boolean };
  const workspace = await workspaceOf(call);
  const { name, namespace } = workspace.metadata;
  if (!running && !force && workspace.spec.running === false)
    throw new RestError('already_stopped', `${name} is stopped already.`, { workspace_name: name });
  const changed = await about('workspace', () =>
    clientOf(caller).patch(WORKSPACE, { name, namespace }, 'merge', { spec: { running } }),
  );
  const at = timestamp(context.clock.now());
  return {
    workspace_id: workspaceId(changed),
    status: running ? statusOf(changed) : statusOf(changed) === 'stopped' ? 'stopped' : 'stopping',
    stopped_at: running ? null : at,
  };
}

async function remove(call: Call) {
  const { caller, query, reply } = call;
  const workspace = await workspaceOf(call);
  const { name, namespace, uid } = workspace.metadata;
  const status = statusOf(workspace);
  const isRunning = workspace.spec.running !== false && status !== 'error' && status !== 'deleting';
  if (isRunning && query.force !== true)
    throw new RestError(
      'still_running',
      `${name} is running; stop it first, or delete it with ?force=true.`,
      {
        workspace_name: name,
      },
    );
  await about('workspace', () =>
    clientOf(caller).delete(WORKSPACE, { name, namespace }, { preconditions: { uid } }),
  );
  return reply.code(204).send();
}

async function ssh(call: Call) {
  const workspace = await workspaceOf(call);
  const { host, port, user, hostKeys } = workspace.status?.ssh ?? {};
  if (!host || !port || !user)
    throw new RestError(
      'provider_not_available',
      'The workspace has no SSH server yet; ask again when it is running.',
    );
  const { name, namespace = '' } = workspace.metadata;
  const alias = placementName(name, namespace);
  return {
    workspace_id: workspaceId(workspace),
    host,
    port,
    user,
    host_keys: hostKeys ?? [],
    command: `ssh -o HostKeyAlias=${alias} -p ${port} ${user}@${host}`,
    config: [
      `Host ${alias}`,
      `  HostName ${host}`,
      `  Port ${port}`,
      `  User ${user}`,
      `  HostKeyAlias ${alias}`,
      '  StrictHostKeyChecking yes',
      '',
    ].join('\n'),
  };
}

async function create(call: Call) {
  const { context, caller, request, reply } = call;
  const key = request.headers['idempotency-key'];
  const make = () => createWorkspace(context, caller, call.body as CreateBody);
  const answer =
    key === undefined
      ? await make()
      : await context.once.answer({ caller: caller.name, key: String(key), body: call.body }, make);
  reply.code(202);
  return answer;
}

const around = (context: RestContext, workspace: Workspace) => surroundingsOf(context.client, workspace);

const SERVICE_BODY = schema.body(
  {
    name: { type: 'string', pattern: '^[a-zA-Z][a-zA-Z0-9_-]*$', maxLength: 63 },
    command: { type: 'string', minLength: 1, maxLength: MAX_COMMAND },
    port: schema.port,
    depends_on: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 63 } },
    health_check: schema.body(
      {
        type: { type: 'string', enum: ['http', 'tcp', 'exec'] },
        path: { type: 'string', maxLength: 2048 },
        command: { type: 'string', minLength: 1, maxLength: MAX_COMMAND },
        timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3600 },
      },
      [],
    ),
  },
  ['name', 'command'],
);

export const WORKSPACE_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    url: '/workspaces/create',
    summary: 'Create a workspace; with an Idempotency-Key header it is answered once a day',
    tag: 'workspaces',
    body: schema.body(
      {
        github_username: schema.GITHUB_LOGIN,
        workspace_name: schema.WORKSPACE_NAME,
        repo: schema.body(
          {
            owner: { type: 'string', maxLength: 255 },
            name: { type: 'string', maxLength: 255 },
            url: { type: 'string', minLength: 1, maxLength: 2048 },
            branch: { type: 'string', pattern: '^[A-Za-z0-9_][^\\s~^:?*\\[\\\\]*$', maxLength: 255 },
            is_fork: { type: 'boolean' },
          },
          ['url'],
        ),
        provider: schema.PROVIDER,
        image: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._/:@-]*$', maxLength: 512 },
        services: { type: 'array', maxItems: 64, items: SERVICE_BODY },
      },
      ['github_username', 'workspace_name', 'repo'],
    ),
    answers: { 202: schema.WORKSPACE_CREATED },
    handle: create,
  },
  {
    method: 'GET',
    url: '/workspaces',
    summary: 'Workspaces that you may see, the newest first',
    tag: 'workspaces',
    query: schema.object(
      {
        owner: { type: 'string', maxLength: 63 },
        status: { type: 'string', enum: [...WORKSPACE_STATUSES] },
        limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: 50 },
        offset: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 0 },
      },
      [],
    ),
    answers: {
      200: schema.object({
        workspaces: { type: 'array', items: schema.WORKSPACE_ITEM },
        total: { type: 'integer' },
        limit: { type: 'integer' },
        offset: { type: 'integer' },
      }),
    },
    handle: list,
  },
  {
    method: 'GET',
    url: '/workspaces/:id/status',
    summary: 'A workspace as observed',
    tag: 'workspaces',
    params: ID,
    answers: { 200: schema.WORKSPACE },
    async handle(call) {
      const workspace = await workspaceOf(call);
      return statusView(workspace, await around(call.context, workspace));
    },
  },
  {
    method: 'GET',
    url: '/workspaces/:id/services',
    summary: 'The services of a workspace',
    tag: 'workspaces',
    params: ID,
    answers: {
      200: schema.object({ workspace_id: schema.text, services: { type: 'array', items: schema.SERVICE } }),
    },
    async handle(call) {
      const workspace = await workspaceOf(call);
      const services = serviceViews(workspace, await around(call.context, workspace));
      return { workspace_id: workspaceId(workspace), services };
    },
  },
  {
    method: 'GET',
    url: '/workspaces/:id/ssh',
    summary: 'How to log in',
    tag: 'workspaces',
    params: ID,
    answers: {
      200: schema.object({
        workspace_id: schema.text,
        host: schema.text,
        port: schema.port,
        user: schema.text,
        host_keys: { type: 'array', items: schema.text },
        command: schema.text,
        config: { ...schema.text, description: 'Lines for ssh_config.' },
      }),
    },
    handle: ssh,
  },
  ...(['start', 'stop'] as const).map(
    (verb): Route => ({
      method: 'POST',
      url: `/workspaces/:id/${verb}`,
      summary: verb === 'start' ? 'Start a workspace' : 'Stop a workspace; its files are kept',
      tag: 'workspaces',
      params: ID,
      body: { ...schema.body({ force: FORCE }, []), type: ['object', 'null'] },
      answers: {
        200: schema.object({
          workspace_id: schema.text,
          status: { type: 'string', enum: [...WORKSPACE_STATUSES] },
          stopped_at: { type: ['string', 'null'] },
        }),
      },
      handle: call => setRunning(call, verb === 'start'),
    }),
  ),
  {
    method: 'DELETE',
    url: '/workspaces/:id',
    summary: 'Delete a workspace and its files',
    tag: 'workspaces',
    params: ID,
    query: schema.object({ force: FORCE }, []),
    answers: { 204: { type: 'null', description: 'Gone, or going.' } },
    handle: remove,
  },
];
