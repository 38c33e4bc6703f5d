import t from 'tap';
import { startKubectlLab } from './kubectl-lab.ts';

const { kubectl, kubectlAs, server, store, call } = await startKubectlLab(t);
const as = async (user: string, ...groups: string[]) =>
  kubectlAs((await server.tokens.create({ user, groups })).token);
const ok = async (words: string, out: RegExp | string, input?: string, err: RegExp | string = '') =>
  t.match(await kubectl(words, input), { code: 0, out, err }, words);

t.test('roles and bindings made by kubectl’s own commands hold', async t => {
  await ok('create role reader --verb=get,list --resource=secrets,workspaces.nexus.dev/status', 'role.rbac');
  await ok('create clusterrole named --verb=get --resource=configmaps --resource-name=a', 'clusterrole.rbac');
  await ok('create clusterrole paths --verb=get --non-resource-url=/metrics', /paths created/);
  await ok('create clusterrole sum --aggregation-rule=nexus.test/sum=true', /sum created/);
  await ok(
    'create rolebinding r --role=reader --user=ann --group=team --serviceaccount=default:bot',
    /r created/,
  );
  await ok('create clusterrolebinding p --clusterrole=paths --user=ann', /p created/);
  t.match((await call('GET', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/reader')).body, {
    rules: [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets'] },
      { verbs: ['get', 'list'], apiGroups: ['nexus.dev'], resources: ['workspaces/status'] },
    ],
  });
  await ok('auth can-i list secrets --as ann', 'yes\n');
  await ok('auth can-i list secrets --as bob --as-group team', 'yes\n');
  await ok('auth can-i list secrets --as system:serviceaccount:default:bot', 'yes\n');
  await ok('auth can-i get /metrics --as ann', 'yes\n');
  t.match(await kubectl('auth can-i list secrets --as ann -n kube-system'), { code: 1, out: 'no\n' });
  t.match(await kubectl('auth can-i delete secrets --as ann'), { code: 1, out: 'no\n' });
  t.match((await kubectl('get secrets --as ann')).code, 0);
  t.match(await kubectl('get ws --as ann'), {
    code: 1,
    err: 'Error from server (Forbidden): workspaces.nexus.dev is forbidden: User "ann" cannot list resource "workspaces" in API group "nexus.dev" in the namespace "default"\n',
  });
  await ok('label clusterrole named nexus.test/sum=true', /labeled/);
  await ok('get role,rolebinding', /role\.rbac\.authorization\.k8s\.io\/reader +\d{4}-\d\d-\d\dT/);
  await ok(
    'get rolebinding r -o wide',
    /NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nr +Role\/reader +\d+s +ann +team +default\/bot/,
  );
  await ok('get clusterrolebinding p', /NAME +ROLE +AGE\np +ClusterRole\/paths/);
  await ok('describe rolebinding r', /Kind: +Role\n +Name: +reader\n[\s\S]*ServiceAccount +bot +default/);
  await ok('describe clusterrole paths', /\[\/metrics\] +\[\] +\[get\]/);
  await ok('set subject rolebinding r --user=carl', /subjects updated/);
  await ok('auth can-i list secrets --as carl', 'yes\n');
  await ok('explain rolebinding.subjects', /FIELD: subjects <\[\]Subject>|FIELD: subjects <\[\]Object>/);
});

t.test('whoami, and everything that one may do', async t => {
  const ann = await as('ann', 'nexus:users');
  t.match(await ann('auth whoami'), {
    code: 0,
    out: /Username +ann\nGroups +\[nexus:users system:authenticated\]/,
  });
  const { out, code } = await ann('auth can-i --list');
  t.equal(code, 0);
  t.match(out, /^Resources +Non-Resource URLs +Resource Names +Verbs\n/);
  t.match(out, /^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
  t.match(out, /^nodes\.nexus\.dev +\[\] +\[\] +\[get list watch\]$/m);
  t.match(out, /^ +\[\/healthz\] +\[\] +\[get\]$/m);
  t.match(out, /^secrets +\[\] +\[\] +\[get list\]$/m);
  t.match((await ann('auth can-i --list -n kube-system')).out, /nodes\.nexus\.dev/);
  t.notMatch((await ann('auth can-i --list -n kube-system')).out, /secrets/);
  t.match((await kubectl('auth can-i --list')).out, /^\*\.\* +\[\] +\[\] +\[\*\]$/m);
});

t.test('auth reconcile adds what is missing, and removes nothing unless it is told to', async t => {
  const policy = (rules: string) => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rec, namespace: made-on-the-way}
rules:
${rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rec, namespace: made-on-the-way}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rec}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: dave}]
`;
  const get = '- {apiGroups: [""], resources: [configmaps], verbs: [get]}';
  const list = '- {apiGroups: [""], resources: [configmaps], verbs: [list]}';
  await ok(
    'auth reconcile -f -',
    /role\.rbac\.authorization\.k8s\.io\/rec reconciled/,
    policy(get),
    /required create/,
  );
  await ok('auth can-i get configmaps -n made-on-the-way --as dave', 'yes\n');
  const { revision } = store;
  await ok('auth reconcile -f -', /rec reconciled/, policy(get));
  t.equal(store.revision, revision, 'the same again writes nothing');
  await ok('auth reconcile -f -', /rec reconciled/, policy(list), /missing rules added/);
  await ok('auth can-i get configmaps -n made-on-the-way --as dave', 'yes\n');
  await ok(
    'auth reconcile --remove-extra-permissions -f -',
    /rec reconciled/,
    policy(list),
    /extra rules removed/,
  );
  t.match(await kubectl('auth can-i get configmaps -n made-on-the-way --as dave'), { code: 1 });
});

t.test('who holds little gives away little, and is told what was too much', async t => {
  await ok(
    'create clusterrole manage --verb=create,patch --resource=roles.rbac.authorization.k8s.io',
    /created/,
  );
  await ok('create rolebinding manage --clusterrole=manage --user=erin', /created/);
  const erin = await as('erin');
  const refusal = await erin('create role more --verb=get,list --resource=secrets');
  t.match(refusal, {
    code: 1,
    err: /roles\.rbac\.authorization\.k8s\.io "more" is forbidden: user "erin" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get" "list"\]\}/,
  });
  t.match(await erin('get ws --as admin --as-group system:masters'), {
    code: 1,
    err: /cannot impersonate resource "users"/,
  });
});

t.test('roles are applied like anything else, from either side', async t => {
  const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: applied}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
`;
  await ok('apply -f -', /applied created/, role);
  await ok('apply -f -', /applied configured/, role.replace('[get]', '[get, list]'));
  await ok('apply --server-side --force-conflicts -f -', /serverside-applied/, role);
  t.match(await kubectl('apply -f -', role.replace('[get]', '[]')), {
    code: 1,
    err: /rules\[0\]\.verbs: Required value: verbs must contain at least one value/,
  });
  await ok('delete clusterrole applied', /deleted/);
});

t.test('the folders of kinds and roles are what kubectl applies too', async t => {
  const [kinds, roles] = ['crds', 'manifests/rbac'].map(
    name => new URL(`../../../${name}/`, import.meta.url).pathname,
  );
  const apply = `apply -f ${kinds} -f ${roles}`;
  t.match(await kubectl(apply), { code: 0, out: /workspaces\S* configured[\s\S]*nexus:member configured/ });
  t.match(await kubectl(apply), { code: 0, out: /workspaces\S* unchanged[\s\S]*nexus:member unchanged/ });
  const { revision } = store;
  await server.ensureDefaults();
  t.equal(store.revision, revision, 'both ways come to the same');
});
