import t from 'tap';
import { CM, WS } from './lab.ts';
import { binding, clusterBinding, clusterRole, RBAC, refused, rule, startRbacLab, user } from './rbac-lab.ts';

const REVIEW = '/apis/authorization.k8s.io/v1';
const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const BINDINGS = `${RBAC}/namespaces/default/rolebindings`;
const secrets = { verb: 'get', resource: 'secrets', namespace: 'default' };

t.test('one may ask about oneself, and who may about others, in the words of Kubernetes', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', BINDINGS, binding('e', 'edit', user('ann')));
  const ann = await as('ann');
  const mine = await ann('POST', `${REVIEW}/selfsubjectaccessreviews`, {
    spec: { resourceAttributes: secrets },
  });
  t.equal(mine.code, 201);
  t.strictSame(mine.body.status, {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "e/default" of ClusterRole "edit" to User "ann"',
  });
  const about = async (spec: object) => (await call('POST', `${REVIEW}/subjectaccessreviews`, { spec })).body;
  const ssh = { verb: 'create', group: 'nexus.dev', resource: 'workspaces', subresource: 'ssh' };
  const shop = { resourceAttributes: { ...ssh, namespace: 'default', name: 'shop' } };
  t.equal((await about({ user: 'ann', ...shop })).status.allowed, true, 'what the gateway asks');
  t.strictSame((await about({ user: 'bob', ...shop })).status, { allowed: false });
  t.strictSame((await about({ user: 'x', groups: ['system:masters'], ...shop })).status, { allowed: true });
  const discovery = { nonResourceAttributes: { verb: 'get', path: '/api' } };
  t.equal(
    (await about({ user: 'bob', ...discovery })).status.allowed,
    false,
    'groups are those that are given',
  );
  t.equal(
    (await about({ user: 'bob', groups: ['system:authenticated'], ...discovery })).status.allowed,
    true,
  );
  refused(
    t,
    await ann('POST', `${REVIEW}/subjectaccessreviews`, { spec: { user: 'bob', ...shop } }),
    403,
    'Forbidden',
  );
});

t.test('an admin of a namespace may ask about others there', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', BINDINGS, binding('a', 'admin', user('ann')));
  const ann = await as('ann');
  const path = `${REVIEW}/namespaces/default/localsubjectaccessreviews`;
  const asked = await ann('POST', path, { spec: { user: 'bob', resourceAttributes: secrets } });
  t.match(asked, { code: 201, body: { metadata: { namespace: 'default' }, status: { allowed: false } } });
  const elsewhere = { user: 'bob', resourceAttributes: { ...secrets, namespace: 'other' } };
  t.match(refused(t, await ann('POST', path, { spec: elsewhere }), 422, 'Invalid').details?.causes, [
    { field: 'spec.resourceAttributes.namespace', message: /must match metadata.namespace/ },
  ]);
  refused(t, await ann('POST', `${REVIEW}/localsubjectaccessreviews`, { spec: elsewhere }), 403, 'Forbidden');
  refused(t, await call('POST', `${REVIEW}/localsubjectaccessreviews`, { spec: elsewhere }), 404, 'NotFound');
});

t.test('all that one may do, with what could not be found out', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', `${RBAC}/clusterroles`, clusterRole('r', [rule('get', '', 'secrets', 'a')]));
  await call('POST', BINDINGS, binding('r', 'r', user('ann')));
  await call('POST', BINDINGS, binding('z', 'gone', user('ann')));
  const ask = async (namespace: string) =>
    (await as('ann'))('POST', `${REVIEW}/selfsubjectrulesreviews`, { spec: { namespace } });
  const { status } = (await ask('default')).body;
  t.strictSame(status.resourceRules.at(-1), {
    verbs: ['get'],
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['a'],
  });
  t.equal(status.evaluationError, 'clusterrole.rbac.authorization.k8s.io "gone" not found');
  t.ok(
    status.nonResourceRules.some((one: { nonResourceURLs: string[] }) =>
      one.nonResourceURLs.includes('/api'),
    ),
  );
  t.notMatch(JSON.stringify((await ask('kube-system')).body.status), /secrets/);
  refused(t, await ask(''), 400, 'BadRequest', 'no namespace on request');
});

t.test('reviews that contradict themselves are refused', async t => {
  const { call } = await startRbacLab(t);
  const ask = (kind: string, body: unknown) => call('POST', `${REVIEW}/${kind}`, body);
  const both = { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { verb: 'get' } };
  refused(t, await ask('selfsubjectaccessreviews', { spec: both }), 422, 'Invalid');
  refused(t, await ask('selfsubjectaccessreviews', { spec: {} }), 422, 'Invalid');
  refused(t, await ask('subjectaccessreviews', { spec: { resourceAttributes: {} } }), 422, 'Invalid');
  const named = { metadata: { name: 'x' }, spec: { resourceAttributes: {} } };
  refused(t, await ask('selfsubjectaccessreviews', named), 422, 'Invalid');
  refused(t, await ask('selfsubjectaccessreviews', { kind: 'Other' }), 400, 'BadRequest');
  const odd = { toString: {} };
  refused(t, await ask('selfsubjectaccessreviews', { kind: odd }), 400, 'BadRequest');
  refused(t, await ask('selfsubjectaccessreviews', '[]'), 400, 'BadRequest');
  refused(t, await call('GET', `${REVIEW}/selfsubjectaccessreviews`), 405, 'MethodNotAllowed');
});

t.test('who may impersonate acts as somebody else, header by header', async t => {
  const { call, as } = await startRbacLab(t);
  await call(
    'POST',
    `${RBAC}/clusterroles`,
    clusterRole('i', [
      rule('impersonate', '', 'users', 'ann system:anonymous'),
      rule('impersonate', '', 'groups', 'team'),
      rule('impersonate', 'authentication.k8s.io', 'uids', 'u1'),
      rule('impersonate', 'authentication.k8s.io', 'userextras/scopes', 'view'),
    ]),
  );
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('i', 'i', user('boss')));
  await call('POST', BINDINGS, binding('bot', 'edit', user('boss')));
  const boss = await as('boss');
  const whoami = (headers: object) =>
    boss('POST', WHOAMI, {}, { headers: headers as Record<string, string> });
  const me = async (headers: object) => (await whoami(headers)).body.status.userInfo;
  t.strictSame(await me({ 'Impersonate-User': 'ann' }), {
    username: 'ann',
    groups: ['system:authenticated'],
  });
  const all = {
    'Impersonate-User': 'ann',
    'Impersonate-Group': ['team', 'team'],
    'Impersonate-Uid': 'u1',
    'Impersonate-Extra-Scopes': 'view',
  };
  t.strictSame(await me(all), {
    username: 'ann',
    uid: 'u1',
    groups: ['team', 'team', 'system:authenticated'],
    extra: { scopes: ['view'] },
  });
  t.strictSame((await me({ 'Impersonate-User': 'system:serviceaccount:default:sa' })).groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ]);
  const anonymous = await boss('GET', CM, undefined, { headers: { 'impersonate-user': 'system:anonymous' } });
  t.match(refused(t, anonymous, 403, 'Forbidden').message, /User "system:anonymous"/);
  const no = async (headers: object, message: string | RegExp) =>
    t.match(refused(t, await whoami(headers), 403, 'Forbidden').message, message);
  await no(
    { 'Impersonate-User': 'bob' },
    'users "bob" is forbidden: User "boss" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  await no({ 'Impersonate-User': 'ann', 'Impersonate-Group': 'system:masters' }, /resource "groups"/);
  await no(
    { 'Impersonate-User': 'ann', 'Impersonate-Group': 'team, system:masters' },
    /^groups "team, system/,
  );
  await no(
    { 'Impersonate-User': 'ann', 'Impersonate-Uid': 'u2' },
    /resource "uids" in API group "authentication/,
  );
  await no({ 'Impersonate-User': 'ann', 'Impersonate-Extra-Scopes': 'edit' }, /"userextras\/scopes"/);
  await no({ 'Impersonate-User': 'ann', 'Impersonate-Extra-__proto__': 'x' }, /"userextras\/__proto__"/);
  await no({ 'Impersonate-User': 'system:serviceaccount:kube-system:sa' }, /in the namespace "kube-system"$/);
  refused(t, await whoami({ 'Impersonate-Group': 'team' }), 400, 'BadRequest');
  refused(t, await whoami({ 'Impersonate-Uid': 'u1' }), 400, 'BadRequest');
  const plain = await as('ann');
  t.match(
    refused(
      t,
      await plain('GET', WS, undefined, { headers: { 'impersonate-user': 'ann' } }),
      403,
      'Forbidden',
    ).message,
    /cannot impersonate/,
    'not even as oneself',
  );
});

t.test('whoami tells when it was asked, and no more than is known', async t => {
  const { call, as } = await startRbacLab(t);
  const answer = await (await as('ann', 'team'))('POST', WHOAMI, {});
  t.strictSame(answer.body, {
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
    status: { userInfo: { username: 'ann', groups: ['team', 'system:authenticated'] } },
  });
  refused(t, await call('POST', WHOAMI, {}, { token: null }), 403, 'Forbidden');
});
