import t from 'tap';
import { NAMESPACE, USER, WORKSPACE } from '../../../crds/kinds.ts';
import { restLab, soon } from './rest-lab.ts';

const lab = await restLab(t);
const { call, server } = lab;
await server.client
  .create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ada' } })
  .catch(() => {});
await server.client.create(USER, {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name: 'ada' },
  spec: { github: { login: 'Ada', id: 7 } },
});

const shop = (name: string, more: object = {}) => ({
  github_username: 'ada',
  workspace_name: name,
  repo: {
    owner: 'acme',
    name: 'shop',
    url: 'https://github.com/acme/shop.git',
    branch: 'main',
    is_fork: true,
  },
  ...more,
});
const running = (id: string) =>
  soon(async () => {
    const { body } = await call('GET', `/workspaces/${id}/status`);
    return body.status === 'running' ? body : undefined;
  });

t.test('a workspace is created, looked at, stopped, started and deleted', async t => {
  const created = await call('POST', '/workspaces/create', {
    body: shop('shop', {
      services: [
        { name: 'api', command: 'serve', port: 4000, health_check: { type: 'tcp', timeout: 5 } },
        {
          name: 'web',
          command: 'npm start',
          port: 3000,
          depends_on: ['api'],
          health_check: { type: 'http', path: '/up' },
        },
      ],
    }),
  });
  t.match(created, {
    status: 202,
    body: { status: 'creating', workspace_id: /^ws-shop\.ada\.[0-9a-f]{8}$/, created_at: /Z$/ },
  });
  t.type(created.body.ssh_port, 'number', 'the port is known at once');
  const id = String(created.body.workspace_id);
  t.equal(created.body.polling_url, `/api/v1/workspaces/${id}/status`);
  const { spec } = await server.client.get(WORKSPACE, { name: 'shop', namespace: 'ada' });
  t.match(spec, {
    repo: { url: 'https://github.com/acme/shop.git', ref: 'main' },
    services: [
      { name: 'api', healthCheck: { tcp: {}, timeoutSeconds: 5 } },
      { name: 'web', dependsOn: ['api'], healthCheck: { http: { path: '/up' } } },
    ],
  });

  const status = await running(id);
  t.match(status, {
    workspace_id: id,
    owner: 'ada',
    provider: 'memory',
    ssh: { host: '127.0.0.1', user: 'dev', key_required: true },
    services: { web: { status: 'running', health: 'healthy', port: 3000, last_check: /Z$/ } },
    repository: { owner: 'acme', name: 'shop', url: 'https://github.com/acme/shop.git' },
    node: 'n1',
  });
  t.match((await call('GET', `/workspaces/${id}/services`)).body, {
    workspace_id: id,
    services: [{ name: 'api' }, { name: 'web', url: /^http:/ }],
  });
  t.match((await call('GET', `/workspaces/${id}/ssh`)).body, {
    user: 'dev',
    host_keys: [/^ssh-ed25519 /],
    command: /^ssh .*-p \d+ dev@127\.0\.0\.1$/,
    config: /^Host shop\.ada\n {2}HostName 127\.0\.0\.1\n/,
  });
  t.match((await call('GET', '/workspaces?owner=ada&status=running')).body, {
    workspaces: [{ workspace_id: id, services_count: 2 }],
    total: 1,
    limit: 50,
    offset: 0,
  });
  t.match((await call('GET', '/workspaces?offset=1')).body, { workspaces: [], total: 1, offset: 1 });

  t.match(await call('DELETE', `/workspaces/${id}`), { status: 409, body: { error: 'still_running' } });
  t.match(await call('POST', `/workspaces/${id}/stop`, { body: {} }), {
    status: 200,
    body: { stopped_at: /Z$/ },
  });
  t.match(await call('POST', `/workspaces/${id}/stop`), {
    status: 409,
    body: { error: 'already_stopped', details: { workspace_name: 'shop' } },
  });
  t.match(await call('POST', `/workspaces/${id}/start`), { status: 200, body: { stopped_at: null } });
  await running(id);
  t.match(await call('DELETE', `/workspaces/${id}?force=true`), { status: 204, text: '' });
  await soon(async () => (await call('GET', `/workspaces/${id}/status`)).status === 404);
});

t.test('an answer to a create is repeated for its key, and for no other body', async t => {
  const headers = { 'idempotency-key': 'k1' };
  const both = await Promise.all([
    call('POST', '/workspaces/create', { body: shop('twice'), headers }),
    call('POST', '/workspaces/create', { body: shop('twice'), headers }),
  ]);
  t.equal(both[0]?.status, 202);
  t.same(both[0]?.body, both[1]?.body);
  const id = String(both[0]?.body.workspace_id);
  await call('DELETE', `/workspaces/${id}?force=true`);
  await soon(async () => (await call('GET', `/workspaces/${id}/status`)).status === 404);
  const later = await call('POST', '/workspaces/create', { body: shop('twice'), headers });
  t.same(later.body, both[0]?.body, 'nothing is made a second time');
  t.match(await call('POST', '/workspaces/create', { body: shop('other'), headers }), {
    status: 400,
    body: { error: 'invalid_request' },
  });
});

t.test('what cannot be made is refused with a code, and nothing is left behind', async t => {
  const cases: [reason: string, body: unknown, status: number, error: string, details?: object][] = [
    ['nothing', undefined, 400, 'invalid_request'],
    ['no JSON', '{', 400, 'invalid_request'],
    [
      'missing fields',
      { github_username: 'ada' },
      400,
      'missing_fields',
      { required: ['workspace_name', 'repo'] },
    ],
    ['a bad name', shop('Shop!'), 400, 'invalid_request'],
    ['a misspelt key', shop('x', { servces: [] }), 400, 'invalid_request'],
    [
      'another provider',
      shop('x', { provider: 'qemu' }),
      400,
      'invalid_provider',
      { available_providers: ['docker', 'lxc'] },
    ],
    ['a file as repository', shop('x', { repo: { url: 'file:///etc' } }), 400, 'invalid_repo'],
    ['an unknown user', shop('x', { github_username: 'nobody' }), 404, 'user_not_found'],
    [
      'a cycle',
      shop('x', { services: [{ name: 'a', command: 'a', depends_on: ['a'] }] }),
      400,
      'invalid_request',
    ],
    [
      'two of one name',
      shop('x', {
        services: [
          { name: 'a', command: 'a' },
          { name: 'a', command: 'b' },
        ],
      }),
      400,
      'invalid_request',
    ],
    ['a driver that no node has', shop('x', { provider: 'lxc' }), 503, 'insufficient_resources'],
  ];
  for (const [reason, body, status, error, details = {}] of cases) {
    const answer = await call('POST', '/workspaces/create', { body });
    t.match(
      answer,
      { status, body: { error, status, details, request_id: /^req-/ } },
      `${reason}: ${answer.text}`,
    );
    t.equal(answer.headers['x-request-id'], answer.body.request_id);
  }
  await soon(async () => (await call('GET', '/workspaces?owner=ada')).body.total === 0);

  t.equal((await call('POST', '/workspaces/create', { body: shop('mine') })).status, 202);
  t.match(await call('POST', '/workspaces/create', { body: shop('mine') }), {
    status: 409,
    body: { error: 'workspace_exists', details: { workspace_name: 'mine' } },
  });
  for (const id of ['nonsense', 'ws-mine.ada.00000000', 'ws-no.ada.00000000'])
    t.match(await call('GET', `/workspaces/${id}/status`), {
      status: 404,
      body: { error: 'workspace_not_found' },
    });
  t.match(await call('PATCH', '/workspaces'), { status: 405, headers: { allow: 'GET' } });
});

t.test('without a token that is valid there is nothing but health, the document and its page', async t => {
  for (const token of [
    null,
    'nexus_0000000000000000_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'gho_wrong',
  ])
    t.match(await call('GET', '/workspaces', { token }), {
      status: 401,
      body: { error: 'auth_required', details: { auth_url: /^https:/ } },
    });
  t.match(await call('GET', '/health', { token: null }), {
    status: 200,
    body: { status: 'ok', nodes: { n1: { status: 'ready', last_heartbeat: /Z$/ } }, version: /\d/ },
  });
  const { body } = await call('GET', '/openapi.json', { token: null });
  t.equal(body.openapi, '3.1.0');
});
