import t from 'tap';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const REVIEW = '/apis/authorization.k8s.io/v1';
const MERGE = { type: 'application/merge-patch+json' };

t.test('without a token only health and version are told, and a wrong one is refused', async t => {
  const { call } = await startLab(t);
  for (const path of ['/livez', '/readyz', '/healthz', '/version'])
    t.equal((await call('GET', path, undefined, { token: null })).code, 200, path);
  for (const path of ['/api', '/apis', '/metrics', '/openapi/v3', WS, '/api/v1/namespaces'])
    refused(t, await call('GET', path, undefined, { token: null }), 401, 'Unauthorized', path);
  for (const token of ['nonsense', 'nexus_0123456789abcdef_', `nexus_0123456789abcdef_${'x'.repeat(43)}`])
    refused(t, await call('GET', '/livez', undefined, { token }), 401, 'Unauthorized');
  const answer = await call('GET', WS, undefined, { token: null });
  t.equal(answer.headers['www-authenticate'], 'Bearer');
  refused(
    t,
    await call('POST', WS, 'x'.repeat(10_000_000), { token: null }),
    401,
    'Unauthorized',
    'before its body is read',
  );
});

t.test('somebody without rights learns of the API and of themselves, and no more', async t => {
  const { call, server } = await startLab(t);
  const { token } = await server.tokens.create({ user: 'eve', groups: ['people'] });
  const as = { token };
  t.equal((await call('GET', '/apis', undefined, as)).code, 200);
  t.equal((await call('GET', '/openapi/v2', undefined, as)).code, 200);
  const list = refused(t, await call('GET', WS, undefined, as), 403, 'Forbidden');
  t.equal(
    list.message,
    'workspaces.nexus.dev is forbidden: User "eve" cannot list resource "workspaces" in API group "nexus.dev" in the namespace "default"',
  );
  const get = refused(t, await call('GET', '/api/v1/namespaces/x', undefined, as), 403, 'Forbidden');
  t.match(
    get.message,
    /^namespaces "x" is forbidden: User "eve" cannot get resource "namespaces" in API group "" in the namespace "x"$/,
  );
  t.match(
    refused(t, await call('GET', '/metrics', undefined, as), 403, 'Forbidden').message,
    /cannot get path "\/metrics"/,
  );
  const me = await call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, as);
  t.match(me, {
    code: 201,
    body: {
      kind: 'SelfSubjectReview',
      status: { userInfo: { username: 'eve', groups: ['people', 'system:authenticated'] } },
    },
  });
  const can = await call(
    'POST',
    `${REVIEW}/selfsubjectaccessreviews`,
    { spec: { resourceAttributes: { verb: 'list', resource: 'secrets' } } },
    as,
  );
  t.equal(can.body.status.allowed, false);
  refused(
    t,
    await call('POST', `${REVIEW}/subjectaccessreviews`, { spec: { user: 'x' } }, as),
    403,
    'Forbidden',
  );
});

t.test('reviews answer for oneself and for others', async t => {
  const { call } = await startLab(t);
  const ask = async (kind: string, spec: object) => (await call('POST', `${REVIEW}/${kind}`, { spec })).body;
  t.match(
    await ask('selfsubjectaccessreviews', { nonResourceAttributes: { verb: 'get', path: '/metrics' } }),
    { status: { allowed: true } },
  );
  const node = { user: 'nexus:node:n1', groups: ['nexus:nodes'] };
  const may = async (namespace: string) =>
    (
      await ask('subjectaccessreviews', {
        ...node,
        resourceAttributes: { verb: 'watch', group: 'nexus.dev', resource: 'placements', namespace },
      })
    ).status;
  t.same(await may('nexus-node-n1'), { allowed: true });
  t.match(await may('nexus-node-n2'), { allowed: false, reason: String });
  const rules = await ask('selfsubjectrulesreviews', { namespace: 'default' });
  t.match(rules.status, {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [{ verbs: ['*'] }],
  });
  const both = { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { verb: 'get' } };
  refused(t, await call('POST', `${REVIEW}/selfsubjectaccessreviews`, { spec: both }), 422, 'Invalid');
  refused(t, await call('POST', `${REVIEW}/selfsubjectaccessreviews`, { spec: {} }), 422, 'Invalid');
  refused(
    t,
    await call('POST', `${REVIEW}/subjectaccessreviews`, { spec: { resourceAttributes: {} } }),
    422,
    'Invalid',
  );
  refused(t, await call('POST', `${REVIEW}/selfsubjectaccessreviews`, { kind: 'Other' }), 400, 'BadRequest');
  refused(t, await call('POST', `${REVIEW}/selfsubjectaccessreviews`, '[]'), 400, 'BadRequest');
  refused(t, await call('GET', `${REVIEW}/selfsubjectaccessreviews`), 405, 'MethodNotAllowed');
});

t.test('a node’s agent has its own namespace and its own Node, and nothing of others', async t => {
  const { call, server } = await startLab(t);
  const { token } = await server.tokens.create({ user: 'nexus:node:n1', groups: ['nexus:nodes'] });
  const as = { token };
  const namespaces = '/api/v1/namespaces';
  for (const n of ['n1', 'n2']) {
    await call('POST', namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: `nexus-node-${n}` },
    });
    const path = `/apis/nexus.dev/v1alpha1/namespaces/nexus-node-${n}/placements`;
    const made = await call('POST', path, placement());
    t.equal(made.code, 201, made.text);
  }
  const node = (name: string) => ({ apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name } });
  const nodes = '/apis/nexus.dev/v1alpha1/nodes';
  t.equal((await call('POST', nodes, node('n1'), as)).code, 201);
  refused(t, await call('POST', nodes, node('n2'), as), 403, 'Forbidden');
  await call('POST', nodes, node('n2'));
  const codes = async (requests: [method: string, path: string, body?: object, type?: string][]) => {
    const all = [];
    for (const [method, path, body, type] of requests)
      all.push((await call(method, path, body, { ...as, ...(type && { type }) })).code);
    return all;
  };
  const own = '/apis/nexus.dev/v1alpha1/namespaces/nexus-node-n1/placements';
  const other = own.replace('-n1', '-n2');
  const merge = MERGE.type;
  t.same(
    await codes([
      ['GET', own],
      ['GET', `${own}/p`],
      ['PATCH', `${own}/p/status`, { status: { observedGeneration: 1 } }, merge],
      ['PATCH', `${own}/p`, { metadata: { finalizers: ['nexus.dev/agent'] } }, merge],
      ['GET', '/api/v1/namespaces/nexus-node-n1/secrets'],
      ['GET', `${nodes}/n1`],
      ['GET', `${nodes}?fieldSelector=metadata.name=n1`],
      ['PATCH', `${nodes}/n1/status`, { status: { address: 'h' } }, merge],
      [
        'POST',
        '/apis/coordination.k8s.io/v1/namespaces/nexus-node-n1/leases',
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'n1' } },
      ],
    ]),
    [200, 200, 200, 200, 200, 200, 200, 200, 201],
    'what its work needs',
  );
  t.same(
    await codes([
      ['GET', other],
      ['GET', '/apis/nexus.dev/v1alpha1/placements'],
      ['PATCH', `${other}/p/status`, {}, merge],
      ['PATCH', `${own}/p`, { metadata: { labels: { a: 'b' } } }, merge],
      ['PATCH', `${own}/p`, { spec: { running: false } }, merge],
      ['DELETE', `${own}/p`],
      ['POST', own, placement()],
      ['GET', '/api/v1/namespaces/nexus-node-n2/secrets'],
      ['GET', '/api/v1/secrets'],
      ['POST', '/api/v1/namespaces/nexus-node-n1/secrets', {}],
      ['GET', nodes],
      ['GET', `${nodes}/n2`],
      ['PATCH', `${nodes}/n2/status`, {}, merge],
      ['PATCH', `${nodes}/n1`, { spec: { unschedulable: true } }, merge],
      ['DELETE', `${nodes}/n1`],
      ['GET', WS],
      ['GET', '/api/v1/namespaces'],
      ['GET', CM],
    ]),
    Array(18).fill(403),
    'everything else',
  );
});

function placement() {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Placement',
    metadata: { name: 'p' },
    spec: {
      workspace: { name: 'w', namespace: 'default', uid: 'u', generation: 1 },
      nodeName: 'n1',
      running: true,
      driver: 'memory',
      image: 'debian:12',
      ssh: { user: 'dev', port: 2222, hostKeySecretRef: { name: 's' }, authorizedKeys: [] },
    },
  };
}

t.test('tokens are stored hashed, end when they are revoked or run out, and cannot be read', async t => {
  const { call, server, store, clock } = await startLab(t);
  const { id, token } = await server.tokens.create({
    user: 'ann',
    groups: ['system:masters'],
    uid: 'u1',
    extra: { team: ['a'] },
    description: 'laptop',
    ttlMs: 60_000,
  });
  const secret = token.slice(-43);
  t.notOk(JSON.stringify(store.list('').entries.map(entry => entry.json)).includes(secret));
  const me = await call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { token });
  t.match(me.body.status.userInfo, { username: 'ann', uid: 'u1', extra: { team: ['a'] } });
  t.match(
    server.tokens.list().find(one => one.id === id),
    { user: 'ann', description: 'laptop', expires: '2026-01-01T00:01:00Z' },
  );
  t.equal(server.tokens.verify(`${token.slice(0, -1)}!`), undefined);
  t.equal(server.tokens.verify(token.slice(0, -2) + (token.endsWith('AA') ? 'BB' : 'AA')), undefined);
  await clock.advance(60_000);
  refused(t, await call('GET', '/api', undefined, { token }), 401, 'Unauthorized', 'run out');
  const other = await server.tokens.create({ user: 'bob', groups: [] });
  t.equal((await call('GET', '/api', undefined, { token: other.token })).code, 200);
  t.equal(await server.tokens.revoke(other.id), true);
  refused(t, await call('GET', '/api', undefined, { token: other.token }), 401, 'Unauthorized', 'revoked');
  t.equal(await server.tokens.revoke(other.id), false);
  refused(t, await call('GET', '/apis/internal.nexus.dev/v1/tokens'), 404, 'NotFound');
});

t.test('an admin may act as somebody else, nobody else may', async t => {
  const { call, server } = await startLab(t);
  const as = (user: string, group?: string) => ({
    headers: { 'impersonate-user': user, ...(group && { 'impersonate-group': group }) },
  });
  t.equal((await call('GET', WS, undefined, as('eve'))).code, 403);
  t.equal((await call('GET', WS, undefined, as('eve', 'x, system:masters'))).code, 200);
  const { token } = await server.tokens.create({ user: 'eve', groups: [] });
  const refusal = refused(
    t,
    await call('GET', WS, undefined, { token, ...as('admin', 'system:masters') }),
    403,
    'Forbidden',
  );
  t.match(refusal.message, /cannot impersonate/);
});

t.test('requests are counted and logged, without bodies, queries or tokens', async t => {
  const { call, metrics, logged, token } = await startLab(t);
  await call('POST', `${CM}?fieldManager=hush`, configMap('c', { password: 'sesame' }));
  await call('GET', `${CM}/none`);
  await call('GET', '/apis/made.up/v1/things');
  const text = await metrics.text();
  t.match(text, /apiserver_request_total\{verb="create",group="",resource="configmaps",code="201"\} 1/);
  t.match(text, /apiserver_request_total\{verb="get",group="",resource="configmaps",code="404"\} 1/);
  t.match(
    text,
    /apiserver_request_duration_seconds_bucket\{le="\+Inf",verb="create",group="",resource="configmaps"\} 1/,
  );
  t.match(text, /nexus_store_revision \d+/);
  t.notMatch(text, /made\.up/, 'labels do not grow with what clients make up');
  t.match(
    logged.find(line => line.fields.verb === 'create'),
    {
      level: 'info',
      message: 'request',
      fields: { path: CM, user: 'admin', code: 201, ms: 0 },
    },
  );
  t.notMatch(JSON.stringify(logged), /sesame|hush/);
  t.notOk(JSON.stringify(logged).includes(token));
  t.equal((await call('GET', '/metrics')).code, 200);
  await call('POST', WS, workspace('w'));
});
