import ssh2 from 'ssh2';
import t from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const REVIEW = '/apis/authorization.k8s.io/v1';

t.test('without a token only health and version are told, and a wrong one is refused', async t => {
  const { call } = await startLab(t);
  for (const path of ['/livez', '/readyz', '/healthz', '/version'])
    t.equal((await call('GET', path, undefined, { token: null })).code, 200, path);
  for (const path of ['/api', '/apis', '/metrics', '/openapi/v3', WS, '/api/v1/namespaces'])
    refused(t, await call('GET', path, undefined, { token: null }), 403, 'Forbidden', path);
  for (const token of ['nonsense', 'nexus_0123456789abcdef_', `nexus_0123456789abcdef_${'x'.repeat(43)}`])
    refused(t, await call('GET', '/livez', undefined, { token }), 401, 'Unauthorized');
  const verbose = await call('GET', '/readyz?verbose');
  t.equal(verbose.text, '[+]ping ok\nreadyz check passed\n');
  t.equal((await call('GET', '/livez/ping')).text, 'ok');
  refused(t, await call('GET', '/livez/none'), 404, 'NotFound');
  const answer = await call('GET', '/livez', undefined, { token: 'nonsense' });
  t.equal(answer.headers['www-authenticate'], 'Bearer');
  const { message } = refused(
    t,
    await call('POST', WS, 'x'.repeat(10_000_000), { token: null }),
    403,
    'Forbidden',
    'before its body is read',
  );
  t.match(message, /User "system:anonymous" cannot create resource "workspaces" in API group "nexus.dev"/);
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
  await call('POST', CM, configMap('c', {}));
  t.match(
    logged.findLast(line => line.fields.verb === 'create'),
    { level: 'debug', fields: { code: 409 } },
    'reconcilers reckon with it',
  );
  t.notMatch(JSON.stringify(logged), /sesame|hush/);
  t.notOk(JSON.stringify(logged).includes(token));
  t.equal((await call('GET', '/metrics')).code, 200);
  await call('POST', WS, workspace('w'));
});

const USERS = '/apis/nexus.dev/v1alpha1/users';
const MERGE = { type: 'application/merge-patch+json' };
const key = generateSshKey('a').publicKey;
const user = (name: string, ...keys: string[]) => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name },
  spec: { sshKeys: keys.map((one, i) => ({ name: `k${i}`, key: one })) },
});

t.test('a key belongs to one user, whatever its comment', async t => {
  const { call } = await startLab(t);
  t.equal((await call('POST', USERS, user('ada', key))).code, 201);
  const again = `${key.split(' ').slice(0, 2).join(' ')} elsewhere`;
  const causes = async (body: object) =>
    refused(t, await call('POST', USERS, body), 422, 'Invalid').details?.causes;
  t.match(await causes(user('bob', again)), [
    { field: 'spec.sshKeys[0].key', reason: 'FieldValueDuplicate', message: /registered with user ada/ },
  ]);
  t.match(await causes(user('bob', generateSshKey('x').publicKey, again)), [
    { field: 'spec.sshKeys[1].key' },
  ]);
  const own = generateSshKey('b').publicKey;
  t.match(await causes(user('bob', own, own)), [
    { field: 'spec.sshKeys[1].key', reason: 'FieldValueDuplicate' },
  ]);
  t.equal((await call('PUT', `${USERS}/ada`, { ...user('ada', again), metadata: undefined })).code, 422);
  t.equal(
    (await call('PATCH', `${USERS}/ada`, user('ada', again), MERGE)).code,
    200,
    'the same key of the same user',
  );
  await call('PATCH', `${USERS}/ada`, { spec: { sshKeys: [] } }, MERGE);
  t.equal((await call('POST', USERS, user('bob', again))).code, 201, 'freed');
});

t.test('a key that no sshd should take is refused with what is wrong', async t => {
  const { call } = await startLab(t);
  const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 1024 }).public;
  const message = async (line: string) =>
    refused(t, await call('POST', USERS, user('ada', line)), 422, 'Invalid').message;
  t.match(await message(rsa), /1024 bits/);
  t.match(await message(key.replace('AAAAC3', 'AAAAC4')), /damaged/);
  t.match(await message(key.replace('ssh-ed25519', 'ssh-rsa')), /damaged/);
});

t.test('a user that was stored before a rule came stays changeable', async t => {
  const { call, store } = await startLab(t);
  await call('POST', USERS, user('ada', key));
  const bob = await call('POST', USERS, user('bob'));
  const stored = store.get('/nexus.dev/users//bob');
  const shared = { ...bob.body, spec: user('bob', key).spec };
  await store.update('/nexus.dev/users//bob', shared, stored?.revision ?? 0);
  t.equal((await call('PATCH', `${USERS}/bob`, { spec: { suspended: true } }, MERGE)).code, 200);
});
