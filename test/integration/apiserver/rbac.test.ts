import t from 'tap';
import { until } from '../../support/until.ts';
import { type Any, CM, configMap, WS } from './lab.ts';
import {
  binding,
  clusterBinding,
  clusterRole,
  MERGE,
  RBAC,
  refused,
  role,
  rule,
  startRbacLab,
  user,
} from './rbac-lab.ts';

const ROLES = `${RBAC}/namespaces/default/roles`;
const BINDINGS = `${RBAC}/namespaces/default/rolebindings`;

t.test('what a binding gives holds as soon as it is answered, and no longer than the binding', async t => {
  const { call, as } = await startRbacLab(t);
  const ann = await as('ann');
  refused(
    t,
    await ann('GET', CM),
    403,
    'Forbidden',
    'configmaps is forbidden: User "ann" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
  await call('POST', ROLES, role('reader', [rule('get list', '', 'configmaps')]));
  for (let i = 0; i < 20; i++) {
    t.equal((await call('POST', BINDINGS, binding('b', 'Role/reader', user('ann')))).code, 201);
    t.equal((await ann('GET', CM)).code, 200, 'given');
    t.equal((await call('DELETE', `${BINDINGS}/b`)).code, 200);
    t.equal((await ann('GET', CM)).code, 403, 'taken away');
  }
  await call('POST', BINDINGS, binding('b', 'Role/reader', user('ann')));
  t.equal((await ann('GET', '/api/v1/namespaces/kube-system/configmaps')).code, 403, 'in no other namespace');
  t.equal((await ann('GET', '/api/v1/configmaps')).code, 403, 'nor in all of them');
  t.equal((await ann('POST', CM, configMap('c'))).code, 403, 'nothing that no rule names');
  await call('PATCH', `${ROLES}/reader`, { rules: [rule('create', '', 'configmaps')] }, MERGE);
  t.same([(await ann('GET', CM)).code, (await ann('POST', CM, configMap('c'))).code], [403, 201]);
});

t.test('names, subresources, groups and service accounts', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', CM, configMap('mine'));
  await call(
    'POST',
    `${RBAC}/clusterroles`,
    clusterRole('r', [
      rule('get list watch delete', '', 'configmaps', 'mine'),
      rule('patch', 'nexus.dev', '*/status'),
      { verbs: ['get'], nonResourceURLs: ['/metrics', '/api*'] },
    ]),
  );
  const sa = { kind: 'ServiceAccount' as const, name: 'bot' };
  await call('POST', BINDINGS, binding('b', 'r', { kind: 'Group', name: 'team' }, sa));
  for (const who of [await as('ann', 'team'), await as('system:serviceaccount:default:bot')]) {
    t.equal((await who('GET', `${CM}/mine`)).code, 200);
    t.equal((await who('GET', `${CM}?fieldSelector=metadata.name%3Dmine`)).code, 200, 'a list of that name');
    t.equal((await who('GET', CM)).code, 403, 'not of all');
    t.equal((await who('GET', `${CM}/other`)).code, 403);
    t.equal((await who('DELETE', `${CM}?fieldSelector=metadata.name%3Dmine`)).code, 403);
    t.equal((await who('PATCH', `${WS}/none/status`, {}, MERGE)).code, 404, 'allowed; there is none');
    t.equal((await who('PATCH', `${WS}/none`, {}, MERGE)).code, 403);
    t.equal((await who('GET', '/metrics')).code, 403, 'paths are of the cluster');
  }
  t.equal((await (await as('system:serviceaccount:other:bot'))('GET', `${CM}/mine`)).code, 403);
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('b', 'r', user('ann')));
  t.equal((await (await as('ann'))('GET', '/metrics')).code, 200);
});

t.test('a binding to a role that is not there says so in every refusal', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', BINDINGS, binding('b', 'gone', user('ann')));
  refused(
    t,
    await (await as('ann'))('GET', CM),
    403,
    'Forbidden',
    'configmaps is forbidden: User "ann" cannot list resource "configmaps" in API group "" in the namespace "default": RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  );
});

t.test('roles and bindings are objects like others: defaults, tables, and a role that stays', async t => {
  const { call } = await startRbacLab(t);
  const made = await call('POST', BINDINGS, binding('b', 'view', user('ann'), { kind: 'Group', name: 'g' }));
  t.match(made.body, {
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'ann' }, { kind: 'Group' }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  });
  const other = await call('PUT', `${BINDINGS}/b`, binding('b', 'edit'));
  refused(
    t,
    other,
    422,
    'Invalid',
    'RoleBinding.rbac.authorization.k8s.io "b" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: cannot change roleRef',
  );
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const table = async (path: string) => (await call('GET', path, undefined, { headers: { accept } })).body;
  const { columnDefinitions, rows } = await table(BINDINGS);
  t.same(
    columnDefinitions.map((c: Any) => c.name),
    ['Name', 'Role', 'Age', 'Users', 'Groups', 'ServiceAccounts'],
  );
  t.same(rows[0].cells, ['b', 'ClusterRole/view', '0s', 'ann', 'g', '']);
  t.same(
    (await table(`${RBAC}/clusterroles/view`)).columnDefinitions.map((c: Any) => c.name),
    ['Name', 'Created At'],
  );
});

t.test('aggregated roles hold the rules of all that they select, at once and for ever', async t => {
  const { call, store } = await startRbacLab(t);
  const rulesOf = async (name: string) => (await call('GET', `${RBAC}/clusterroles/${name}`)).body.rules;
  const has = (rules: Any[], resource: string) => rules.some(one => one.resources?.includes(resource));
  t.ok(has(await rulesOf('view'), 'workspaces'), 'ours are part of Kubernetes’ own');
  t.ok(has(await rulesOf('edit'), 'workspaces/ssh'));
  t.notOk(has(await rulesOf('view'), 'secrets'));
  t.ok(has(await rulesOf('admin'), 'rolebindings'));
  const things = clusterRole('things', [rule('get', 'x.io', 'things')], {
    metadata: { name: 'things', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
  });
  const settled = (name: string, wanted: boolean) =>
    until(async () => has(await rulesOf(name), 'things') === wanted, {
      timeoutMs: 10_000,
      what: () => `the rules of ${name}`,
      everyMs: 5,
    });
  await call('POST', `${RBAC}/clusterroles`, things);
  await settled('admin', true);
  const { managedFields } = (await call('GET', `${RBAC}/clusterroles/view`)).body.metadata;
  t.ok(
    managedFields.some(
      (m: Any) => m.manager === 'clusterrole-aggregation-controller' && m.operation === 'Apply',
    ),
  );
  await call('DELETE', `${RBAC}/clusterroles/things`);
  await settled('admin', false);
  const { revision } = store;
  await call('PATCH', `${RBAC}/clusterroles/edit`, { metadata: { annotations: { a: 'b' } } }, MERGE);
  await call('GET', `${RBAC}/clusterroles/edit`);
  t.equal(store.revision, revision + 1, 'what is right already is not written');
});

t.test('nobody gives away what they do not hold, unless they may', async t => {
  const { call, as } = await startRbacLab(t);
  const manage = rule('create update patch', 'rbac.authorization.k8s.io', 'roles rolebindings');
  await call('POST', ROLES, role('manager', [manage, rule('get', '', 'configmaps')]));
  await call('POST', BINDINGS, binding('manager', 'Role/manager', user('ann')));
  const ann = await as('ann');
  t.equal((await ann('POST', ROLES, role('less', [rule('get', '', 'configmaps', 'c')]))).code, 201);
  const more = role('more', [rule('get list', '', 'secrets'), rule('get', '', 'configmaps')]);
  refused(
    t,
    await ann('POST', ROLES, more),
    403,
    'Forbidden',
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "ann" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
  );
  const grab = { rules: [rule('*', '*', '*')] };
  refused(t, await ann('PATCH', `${ROLES}/less`, grab, MERGE), 403, 'Forbidden');
  refused(t, await ann('PUT', `${ROLES}/manager`, role('manager', [rule('*', '*', '*')])), 403, 'Forbidden');
  const apply = { type: 'application/apply-patch+yaml' };
  refused(t, await ann('PATCH', `${ROLES}/more?fieldManager=a`, more, apply), 403, 'Forbidden');
  refused(t, await ann('POST', BINDINGS, binding('me', 'cluster-admin', user('ann'))), 403, 'Forbidden');
  t.equal((await ann('POST', BINDINGS, binding('friend', 'Role/manager', user('bob')))).code, 201, 'held');
  refused(
    t,
    await ann('POST', BINDINGS, binding('none', 'gone', user('ann'))),
    404,
    'NotFound',
    'rolebindings.rbac.authorization.k8s.io "gone" not found',
  );
  await call(
    'PATCH',
    `${ROLES}/manager`,
    { rules: [manage, rule('bind', 'rbac.authorization.k8s.io', 'clusterroles', 'view')] },
    MERGE,
  );
  t.equal((await ann('POST', BINDINGS, binding('v', 'view', user('bob')))).code, 201, 'may bind that one');
  refused(t, await ann('POST', BINDINGS, binding('e', 'edit', user('bob'))), 403, 'Forbidden');
  await call(
    'PATCH',
    `${ROLES}/manager`,
    { rules: [manage, rule('escalate', 'rbac.authorization.k8s.io', 'roles')] },
    MERGE,
  );
  t.equal((await ann('PATCH', `${ROLES}/less`, grab, MERGE)).code, 200, 'may escalate');
});

t.test('who names an owner whose deletion it blocks may update the finalizers of that owner', async t => {
  const { call, as } = await startRbacLab(t);
  const ann = await as('ann');
  await call('POST', `${RBAC}/clusterroles`, clusterRole('r', [rule('*', '', 'configmaps')]));
  await call('POST', BINDINGS, binding('b', 'r', user('ann')));
  const node = { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name: 'n1' }, spec: {} };
  const { body: made } = await call('POST', '/apis/nexus.dev/v1alpha1/nodes', node);
  const owned = (name: string, blockOwnerDeletion: boolean, kind = 'Node') => {
    const owner = { apiVersion: 'nexus.dev/v1alpha1', kind, name: 'n1', uid: made.metadata.uid };
    const { metadata, ...rest } = configMap(name);
    return { ...rest, metadata: { ...metadata, ownerReferences: [{ ...owner, blockOwnerDeletion }] } };
  };
  const why =
    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>";
  const told = (name: string, what = why) => `configmaps "${name}" is forbidden: ${what}`;
  refused(t, await ann('POST', CM, owned('a', true)), 403, 'Forbidden', told('a'));
  t.equal((await ann('POST', CM, owned('b', false))).code, 201, 'what blocks nothing is free');
  refused(t, await ann('PATCH', `${CM}/b`, owned('b', true), MERGE), 403, 'Forbidden', told('b'));
  const unknown = /cannot find RESTMapping for APIVersion nexus.dev\/v1alpha1 Kind Nothing: no matches/;
  t.match((await ann('POST', CM, owned('c', true, 'Nothing'))).body.message, unknown);
  t.equal((await call('PATCH', `${CM}/b`, owned('b', true), MERGE)).code, 200, 'an admin may');
  t.equal((await ann('PATCH', `${CM}/b`, { data: { x: 'y' } }, MERGE)).code, 200, 'what was there stays');
  await call(
    'POST',
    `${RBAC}/clusterroles`,
    clusterRole('f', [rule('update', 'nexus.dev', 'nodes/finalizers', 'n1')]),
  );
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('f', 'f', user('ann')));
  t.equal((await ann('POST', CM, owned('a', true))).code, 201);
});

t.test('an aggregation rule asks for everything, since it can gather anything', async t => {
  const { call, as } = await startRbacLab(t);
  const manage = rule('*', 'rbac.authorization.k8s.io', 'clusterroles');
  await call('POST', `${RBAC}/clusterroles`, clusterRole('m', [{ ...manage, verbs: ['create', 'patch'] }]));
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('m', 'm', user('ann')));
  const ann = await as('ann');
  const aggregated = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  const { message } = refused(
    t,
    await ann('POST', `${RBAC}/clusterroles`, clusterRole('all', [], aggregated)),
    403,
    'Forbidden',
  );
  t.match(message, /must have cluster-admin privileges to use the aggregationRule$/);
  t.equal((await ann('POST', `${RBAC}/clusterroles`, clusterRole('none', []))).code, 201);
});

t.test('what a server brings along is mended at its start, and what people made of it stays', async t => {
  const { call, server } = await startRbacLab(t);
  const at = `${RBAC}/clusterroles/nexus:viewer`;
  const { rules } = (await call('GET', at)).body;
  await call(
    'PATCH',
    at,
    { rules: [rule('get', 'x.io', 'mine')], metadata: { labels: { my: 'label' } } },
    MERGE,
  );
  const off = { metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } } };
  await call('PATCH', `${RBAC}/clusterroles/nexus:member`, { ...off, rules: [] }, MERGE);
  await call('DELETE', `${RBAC}/clusterrolebindings/system:basic-user`);
  await call('DELETE', `${RBAC}/clusterrolebindings/nexus:user`);
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('nexus:user', 'view', user('ann')));
  await server.ensureDefaults();
  const mended = (await call('GET', at)).body;
  t.equal(
    mended.rules.length,
    1 + rules.reduce((n: number, r: Any) => n + r.verbs.length * r.apiGroups.length * r.resources.length, 0),
  );
  t.equal(mended.metadata.labels.my, 'label');
  t.same((await call('GET', `${RBAC}/clusterroles/nexus:member`)).body.rules, []);
  t.equal((await call('GET', `${RBAC}/clusterrolebindings/system:basic-user`)).code, 200);
  t.match((await call('GET', `${RBAC}/clusterrolebindings/nexus:user`)).body, {
    roleRef: { name: 'nexus:user' },
    subjects: [{ kind: 'Group', name: 'nexus:users' }],
  });
});

t.test('a watch ends when the right to it, or the credential, is taken away', async t => {
  const { call, as, watch, server, clock } = await startRbacLab(t);
  await call('POST', ROLES, role('reader', [rule('watch', '', 'configmaps')]));
  await call('POST', BINDINGS, binding('b', 'Role/reader', user('ann'), user('bob'), user('carl')));
  const open = async (name: string, ttlMs?: number) => {
    const { id, token } = await server.tokens.create({ user: name, groups: [], ...(ttlMs && { ttlMs }) });
    return { id, lines: await watch(`${CM}?watch=true`, { token }) };
  };
  const [ann, bob, carl, admin] = [
    await open('ann'),
    await open('bob'),
    await open('carl', 90_000),
    { lines: await watch(`${CM}?watch=true`) },
  ];
  await call('POST', CM, configMap('one'));
  for (const { lines } of [ann, bob, carl, admin])
    t.match(await lines.next(), { object: { metadata: { name: 'one' } } });
  await call('PATCH', `${BINDINGS}/b`, { subjects: [user('bob'), user('carl')] }, MERGE);
  await clock.advance(1000);
  t.equal(await ann.lines.next(), undefined, 'no right any more');
  await server.tokens.revoke(bob.id);
  await clock.advance(1000);
  t.equal(await bob.lines.next(), undefined, 'revoked');
  await clock.advance(120_000);
  t.equal(await carl.lines.next(), undefined, 'run out');
  await call('POST', CM, configMap('two'));
  t.match(await admin.lines.next(), { object: { metadata: { name: 'two' } } }, 'nobody else’s ends');
  admin.lines.close();
  t.equal((await (await as('ann'))('GET', `${CM}?watch=true`)).code, 403);
});

t.test('a watch ends within a second of what its credential stands for or is bound to', async t => {
  const { call, watch, server, clock } = await startRbacLab(t);
  const group = { kind: 'Group', name: 'people' } as const;
  const accounts = { kind: 'Group', name: 'system:serviceaccounts' } as const;
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('all', 'cluster-admin', group, accounts));
  const USERS = '/apis/nexus.dev/v1alpha1/users';
  const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
  const SECRETS = '/api/v1/namespaces/default/secrets';
  const person = async (name: string) => {
    const made = await call('POST', USERS, {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'User',
      metadata: { name },
      spec: { role: 'member', github: { login: name, id: 7 } },
    });
    const login = { uid: made.body.metadata.uid, extra: { 'nexus.dev/login': ['github:7'] } };
    return (await server.tokens.create({ user: name, groups: ['people'], ...login })).token;
  };
  const account = async (name: string, spec: object = {}) => {
    await call('POST', ACCOUNTS, { metadata: { name } });
    return (await call('POST', `${ACCOUNTS}/${name}/token`, { spec })).body.status.token as string;
  };
  await call('POST', SECRETS, { metadata: { name: 'bound' } });
  const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'bound' };
  const cases: [what: string, token: string, end: () => Promise<unknown>][] = [
    ['a user who is deleted', await person('ann'), () => call('DELETE', `${USERS}/ann`)],
    [
      'a user who is suspended',
      await person('bob'),
      () => call('PATCH', `${USERS}/bob`, { spec: { suspended: true } }, MERGE),
    ],
    ['a deleted service account', await account('ci'), () => call('DELETE', `${ACCOUNTS}/ci`)],
    [
      'a deleted secret that its token is bound to',
      await account('app', { boundObjectRef }),
      () => call('DELETE', `${SECRETS}/bound`),
    ],
  ];
  for (const [what, token, end] of cases) {
    const lines = await watch(`${CM}?watch=true&resourceVersion=0`, { token });
    t.equal(lines.code, 200, what);
    await end();
    await clock.advance(1000);
    t.equal(await lines.next(), undefined, what);
  }
});
