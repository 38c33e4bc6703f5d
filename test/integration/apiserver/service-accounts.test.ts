import t from 'tap';
import { startKubectlLab } from './kubectl-lab.ts';
import { refused } from './lab.ts';

const { call, kubectl, kubectlAs, clock } = await startKubectlLab(t);
const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
const SECRETS = '/api/v1/namespaces/default/secrets';
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const WHO = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const who = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

const review = async (token: string, audiences?: string[]) =>
  (await call('POST', REVIEWS, { spec: { token, audiences } })).body.status;

t.test('kubectl makes an account, gives it rights, and works as it', async t => {
  t.match(await kubectl('create serviceaccount ci'), { code: 0, out: 'serviceaccount/ci created\n' });
  t.match((await kubectl('get sa')).out, /^NAME +SECRETS +AGE *\nci +0 +/);
  t.match((await kubectl('describe sa ci')).out, /Name: +ci[\s\S]*Tokens: +<none>/);
  const { out: token, code } = await kubectl('create token ci --duration=20m');
  t.equal(code, 0);
  const asCi = kubectlAs(token.trim());
  t.match(
    (await asCi('auth whoami')).out,
    /system:serviceaccount:default:ci[\s\S]*system:serviceaccounts:default/,
  );
  t.match(await asCi('get cm'), { code: 1, err: /User "system:serviceaccount:default:ci" cannot list/ });
  t.match(await kubectl('create rolebinding ci --clusterrole=edit --serviceaccount=default:ci'), { code: 0 });
  t.match(await asCi('create configmap made --from-literal=a=b'), { code: 0 });
  t.match(await asCi('get cm -n kube-system'), { code: 1 });
  t.match(await kubectl('create token none'), { code: 1, err: /serviceaccounts "none" not found/ });
  t.match(await kubectl('delete sa ci'), { code: 0, out: /deleted/ });
  t.match((await asCi('get cm')).err, /Unauthorized|must be logged in/, 'it ends with the account');
  await kubectl('create serviceaccount ci');
  t.match(
    (await asCi('get cm')).err,
    /Unauthorized|must be logged in/,
    'another of the same name is another',
  );
});

t.test('what is asked for is what is given', async t => {
  await call('POST', ACCOUNTS, { metadata: { name: 'app' } });
  const ask = (body: object) => call('POST', `${ACCOUNTS}/app/token`, body);
  const { body: given, code } = await ask({});
  t.equal(code, 201);
  t.match(given, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name: 'app', namespace: 'default' },
    spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: 3600, boundObjectRef: null },
  });
  t.ok(Math.abs(Date.parse(given.status.expirationTimestamp) - clock.now()) >= 0);
  const { token } = given.status;
  t.match((await call('POST', WHO, who, { token })).body.status.userInfo, {
    username: 'system:serviceaccount:default:app',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [/^JTI=/] },
  });
  t.match(await review(token), {
    authenticated: true,
    user: { username: 'system:serviceaccount:default:app' },
  });
  t.strictSame(await review('bad'), { user: {}, error: 'invalid bearer token' });
  refused(t, await call('POST', REVIEWS, { spec: {} }), 400, 'BadRequest');
  const dry = await call('POST', `${ACCOUNTS}/app/token?dryRun=All`, {});
  t.equal(dry.body.status.token, '', 'nothing is given on trial');

  const vault = (await ask({ spec: { audiences: ['vault', 'other'] } })).body.status.token;
  refused(t, await call('GET', '/api/v1/namespaces', undefined, { token: vault }), 401, 'Unauthorized');
  t.match(await review(vault), { error: 'invalid bearer token' }, 'it is not meant for this server');
  t.strictSame((await review(vault, ['x', 'vault'])).audiences, ['vault']);

  await call('POST', SECRETS, { metadata: { name: 'bound' } });
  const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'bound' };
  const bound = (await ask({ spec: { boundObjectRef } })).body.status.token;
  t.equal((await review(bound)).authenticated, true);
  await call('DELETE', `${SECRETS}/bound`);
  t.match(await review(bound), { error: 'invalid bearer token' }, 'it ends with what it is bound to');

  refused(t, await ask({ spec: { expirationSeconds: 5 } }), 422, 'Invalid');
  refused(t, await ask({ spec: { expirationSeconds: 2 ** 33 } }), 422, 'Invalid');
  refused(t, await ask({ spec: { expirationSeconds: 'long' } }), 400, 'BadRequest');
  refused(t, await ask({ spec: { audiences: [1] } }), 400, 'BadRequest');
  refused(t, await ask({ spec: { boundObjectRef } }), 404, 'NotFound');
  refused(t, await ask({ spec: { boundObjectRef: { kind: 'ConfigMap', name: 'x' } } }), 400, 'BadRequest');
  refused(t, await ask({ metadata: { name: 'other' } }), 422, 'Invalid');
  refused(t, await ask({ metadata: { namespace: 'other' } }), 400, 'BadRequest');
  refused(t, await ask({ kind: 'Foo', apiVersion: 'v1' }), 400, 'BadRequest');
  refused(t, await call('GET', `${ACCOUNTS}/app/token`), 405, 'MethodNotAllowed');
  refused(t, await call('POST', '/api/v1/namespaces/default/configmaps/x/token', {}), 404, 'NotFound');
  refused(t, await call('POST', `${ACCOUNTS}/app/token`, {}, { token: null }), 403, 'Forbidden');
});
