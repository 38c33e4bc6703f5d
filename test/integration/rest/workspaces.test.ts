import t from 'tap';
import { NAMESPACE, NODE, PLACEMENT, USER, WORKSPACE } from '../../../crds/kinds.ts';
import { type RestAnswer, restLab, soon } from './rest-lab.ts';

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

t.test('a repository that its user may not write is forked first, once', async t => {
  const { github } = lab;
  const token = github.token('Grace');
  await github.addRepository('acme/shop', { files: { 'README.md': '# shop' } });
  await github.addRepository('acme/open', { writers: ['Grace'], files: { 'README.md': '# open' } });
  await github.addRepository('acme/closed', { forkable: false, files: { 'README.md': '# closed' } });
  await github.addRepository('Grace/shop', { files: { 'README.md': 'another, of the same name' } });
  await server.client.create(USER, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: 'grace' },
    spec: { github: { login: 'Grace', id: github.idOf('Grace') } },
  });
  await soon(async () => (await call('GET', '/workspaces?owner=grace', { token })).status === 200);
  const fork = (name: string, repo: string, more: { is_fork?: boolean; as?: string } = {}) =>
    call('POST', '/workspaces/create', {
      token: more.as ?? token,
      body: {
        github_username: 'grace',
        workspace_name: name,
        repo: { url: `https://github.com/${repo}.git`, is_fork: more.is_fork ?? false },
      },
    });
  const specOf = async (name: string) =>
    (await server.client.get(WORKSPACE, { name, namespace: 'grace' })).spec.repo;
  const forks = () => [...github.world.repositories.values()].filter(({ parent }) => parent === 'acme/shop');

  const refused = async (
    why: string,
    ask: () => Promise<RestAnswer>,
    ...expected: [number, string, RegExp]
  ) => {
    const answer = await ask();
    const [status, error, message] = expected;
    t.match(answer, { status, body: { error, message } }, `${why}: ${answer.text}`);
    return answer.body.details;
  };
  await refused(
    'forks forbidden',
    () => fork('a', 'acme/closed'),
    403,
    'forbidden',
    /disabled; ask its owner/,
  );
  await refused(
    'a token without the scope',
    () => fork('a', 'acme/shop', { as: github.token('Grace', ['read:org']) }),
    403,
    'forbidden',
    /scope "public_repo"/,
  );
  await refused('absent', () => fork('a', 'acme/none'), 404, 'repo_not_found', /acme\/none is not on/);
  for (const from of [1, 2]) {
    github.setFault({ how: 'network', from });
    await refused('cut', () => fork('a', 'acme/shop'), 503, 'provider_not_available', /try again/);
    github.setFault({ how: 'rate-limit', from, retryAfterSeconds: 90 });
    const limit = await refused('limit', () => fork('a', 'acme/shop'), 429, 'rate_limited', /in \d+ s/);
    t.ok(Number(limit?.retry_after_seconds) > 60, 'until the limit is lifted');
    github.setFault({ how: 'secondary-rate-limit', from, retryAfterSeconds: 7 });
    t.match(await refused('too fast', () => fork('a', 'acme/shop'), 429, 'rate_limited', /in 7 s/), {
      retry_after_seconds: 7,
    });
  }
  github.setFault(undefined);
  t.equal(
    (await call('POST', '/workspaces/create', { body: { ...shop('taken'), github_username: 'grace' } }))
      .status,
    202,
  );
  await refused('name taken', () => fork('taken', 'acme/shop'), 409, 'workspace_exists', /another name/);
  t.equal(forks().length, 0, 'nothing was forked by what was refused');

  github.setFault({ how: 'answer-lost', from: 2, count: 1 });
  await refused('answer lost', () => fork('a', 'acme/shop'), 503, 'provider_not_available', /try again/);
  await t.rejects(specOf('a'), 'no workspace');
  t.equal(forks().length, 1, 'the fork was made');
  const [made] = forks();
  if (made) made.createdAt = new Date(Date.now() - 3_600_000);
  const again = await fork('a', 'acme/shop');
  t.match(
    again,
    { status: 202, body: { fork_created: false, fork_url: /\/Grace\/shop-1\.git$/ } },
    again.text,
  );
  t.match(await specOf('a'), { url: again.body.fork_url, upstream: 'https://github.com/acme/shop.git' });
  t.match(await fork('b', 'acme/shop'), { status: 202, body: { fork_created: false } });
  t.equal(forks().length, 1, 'one fork for both');

  await github.addRepository('acme/fresh', { files: { 'README.md': '# fresh' } });
  t.match(await fork('c', 'acme/fresh'), {
    status: 202,
    body: { fork_created: true, fork_url: /\/Grace\/fresh\.git$/ },
  });
  for (const [name, repo, is_fork] of [
    ['d', 'acme/open', false],
    ['e', 'acme/shop', true],
  ] as const) {
    const answer = await fork(name, repo, { is_fork });
    t.match(answer, { status: 202, body: { fork_url: undefined } }, answer.text);
    t.strictSame(await specOf(name), { url: `https://github.com/${repo}.git` });
  }
});

t.test('without a free port nothing is made, and the next one that finds one is', async () => {
  const ports = async (ssh: { from: number; to: number } | null) =>
    server.client.patch(NODE, { name: 'n1' }, 'merge', { spec: { ports: ssh && { ssh } } });
  const { items } = await server.client.list(PLACEMENT);
  const taken = items[0]?.spec.ssh.port ?? 0;
  await ports({ from: taken, to: taken });
  let tries = 0;
  const ask = () => call('POST', '/workspaces/create', { body: shop(`portless-${++tries}`) });
  // What has been changed is seen in a moment.
  await soon(async () => {
    const { status, body } = await ask();
    return status === 503 && body.error === 'port_allocation_failed';
  });
  const refused = { name: `portless-${tries}`, namespace: 'ada' };
  await soon(() =>
    server.client.get(WORKSPACE, refused).then(
      () => false,
      () => true,
    ),
  );
  await ports(null);
  await soon(async () => (await ask()).status === 202);
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
