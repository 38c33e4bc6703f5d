import { spawn } from 'node:child_process';
import t from 'tap';
import { until } from '../../support/until.ts';
import { startKubectlLab } from './kubectl-lab.ts';

const { kubectl, env, call, store } = await startKubectlLab(t);

const workspace = `apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec:
  services:
  - {name: db, command: postgres -D /data, port: 5432}
  - {name: web, command: npm run dev, port: 3000, dependsOn: [db]}
`;

t.test('what there is, who one is and what one may', async t => {
  const resources = await kubectl('api-resources');
  t.match(resources.out, /^workspaces +ws +nexus\.dev\/v1alpha1 +true +Workspace$/m);
  t.match(resources.out, /^configmaps +cm +v1 +true +ConfigMap$/m);
  t.same((await kubectl('api-versions')).out.trim().split('\n'), [
    'apiextensions.k8s.io/v1',
    'authentication.k8s.io/v1',
    'authorization.k8s.io/v1',
    'certificates.k8s.io/v1',
    'coordination.k8s.io/v1',
    'events.k8s.io/v1',
    'nexus.dev/v1alpha1',
    'rbac.authorization.k8s.io/v1',
    'v1',
  ]);
  t.match(
    (await kubectl('auth whoami')).out,
    /Username +admin\nGroups +\[system:masters system:authenticated\]/,
  );
  t.match(await kubectl('auth can-i create workspaces'), { code: 0, out: 'yes\n' });
  t.match(await kubectl('auth can-i get ws --as eve'), { code: 1, out: /^no/ });
  t.match((await kubectl('auth can-i --list')).out, /\*\.\*/);
  t.match((await kubectl('version')).out, /Server Version: v1\.32\.0\+nexus/);
  t.match(await kubectl('get --raw /readyz'), { code: 0, out: 'ok' });
});

t.test('explain prints every description', async t => {
  const spec = (await kubectl('explain ws.spec')).out;
  t.match(spec, /KIND: +Workspace\nVERSION: +v1alpha1/);
  t.match(spec, /services\t<\[\]Object>\n +Long-running processes/);
  t.match((await kubectl('explain ws.spec.services.healthCheck.http --recursive')).out, /path\t<string>/);
  t.match((await kubectl('explain secret.data')).out, /FIELD: data <map\[string\]string>/);
  t.match((await kubectl('explain ns')).out, /KIND: +Namespace/);
  t.match((await kubectl('explain lease.spec.holderIdentity')).out, /holderIdentity <string>/);
  t.match((await kubectl('explain ws.metadata.finalizers')).out, /finalizers <\[\]string>/);
  t.match(await kubectl('explain ws.spec.nothing'), { code: 1, err: /field "nothing" does not exist/ });
});

t.test('apply, look, change, compare', async t => {
  t.match(await kubectl('apply -f -', workspace), {
    code: 0,
    out: 'workspace.nexus.dev/shop created\n',
    err: '',
  });
  const before = store.revision;
  t.equal((await kubectl('apply -f -', workspace)).code, 0);
  t.equal(store.revision, before, 'the same again writes nothing');
  t.match(await kubectl('diff -f -', workspace), { code: 0, out: '' });
  t.match(await kubectl('diff -f -', workspace.replace('3000', '3001')), { code: 1, out: /\+ +port: 3001/ });
  t.match((await kubectl('get ws')).out, /^NAME +PHASE +READY +NODE +SSH +AGE *\nshop +\d+s *\n$/);
  t.match((await kubectl('get ws -o wide')).out, /AGE +IMAGE +COMMIT/);
  t.match((await kubectl('get workspaces -A')).out, /^NAMESPACE +NAME.*\ndefault +shop /);
  t.equal((await kubectl('get ws -o name')).out, 'workspace.nexus.dev/shop\n');
  t.equal((await kubectl('get ws shop -o jsonpath={.spec.services[*].name}')).out, 'db web');
  t.match((await kubectl('get ws shop -o yaml')).out, /^apiVersion: nexus\.dev\/v1alpha1\nkind: Workspace\n/);
  t.match(JSON.parse((await kubectl('get ws -o json')).out), {
    kind: 'List',
    items: [{ kind: 'Workspace' }],
  });
  t.match((await kubectl('get all')).out, /shop/, 'categories');
  t.match((await kubectl('describe ws shop')).out, /Name: +shop\n[\s\S]*Events: +<none>/);
  t.match(await kubectl('label ws shop tier=web'), { code: 0, out: /labeled/ });
  t.match(await kubectl('annotate ws shop note=hi'), { code: 0, out: /annotated/ });
  t.match((await kubectl('get ws -l tier=web')).out, /shop/);
  t.match((await kubectl('get ws -l tier!=web')).err, /No resources found/);
  t.match((await kubectl('get ws --field-selector metadata.name=shop')).out, /shop/);
  t.match(await kubectl('get ws --field-selector spec.image=x'), {
    code: 1,
    err: /field label not supported: spec.image/,
  });
  t.match(await kubectl('edit ws shop'), { code: 0, out: /edited/ });
  t.equal((await kubectl('get ws shop -o jsonpath={.spec.services[1].port}')).out, '4000');
  t.match(await kubectl('patch ws shop --type=merge -p {"spec":{"running":false}}'), {
    code: 0,
    out: /patched/,
  });
  t.match(
    await kubectl(
      'patch ws shop --type=json -p [{"op":"remove","path":"/spec/services/0"},{"op":"remove","path":"/spec/services/0"}]',
    ),
    { code: 0, out: /patched/ },
  );
  t.match(await kubectl('patch ws shop -p {"spec":{"running":true}}'), {
    code: 1,
    err: /strategic-merge-patch\+json is not supported/,
  });
  t.match(
    await kubectl('patch ws shop --subresource=status --type=merge -p {"status":{"phase":"Running"}}'),
    { code: 0 },
  );
  t.match((await kubectl('get ws')).out, /shop +Running/);
});

t.test('server-side apply, with conflicts by manager', async t => {
  t.match(await kubectl('apply --server-side -f -', workspace.replace('shop', 'ssa')), {
    code: 0,
    out: 'workspace.nexus.dev/ssa serverside-applied\n',
  });
  const other = workspace.replace('shop', 'ssa').replace('3000', '5000');
  t.match(await kubectl('apply --server-side --field-manager=bob -f -', other), {
    code: 1,
    err: /Apply failed with 1 conflict: conflict with "kubectl"[\s\S]*\.spec\.services/,
  });
  t.match(await kubectl('apply --server-side --field-manager=bob --force-conflicts -f -', other), {
    code: 0,
  });
  t.match(
    (await kubectl('get ws ssa -o yaml --show-managed-fields')).out,
    /manager: bob\n +operation: Apply/,
  );
});

t.test('refusals read as Kubernetes’ own', async t => {
  const error = async (words: string, input?: string) => {
    const { code, err } = await kubectl(words, input);
    t.equal(code, 1, words);
    return err.trim();
  };
  t.equal(await error('get ws none'), 'Error from server (NotFound): workspaces.nexus.dev "none" not found');
  t.equal(await error('get ws/x -n nowhere'), 'Error from server (NotFound): namespaces "nowhere" not found');
  t.match(await error('create -f - -n nowhere', workspace), /\(NotFound\): .*namespaces "nowhere" not found/);
  t.match(
    await error('create -f -', workspace),
    /\(AlreadyExists\): .*workspaces\.nexus\.dev "shop" already exists/,
  );
  t.match(await error('create --dry-run=server -f -', workspace), /AlreadyExists/);
  t.match(
    await error('apply -f -', `${workspace}  colour: red\n`),
    /\(BadRequest\): [\s\S]*strict decoding error: unknown field "spec.colour"/,
  );
  t.match(
    await error('apply -f -', workspace.replace('3000', '99999')),
    /The Workspace "shop" is invalid: spec\.services\[1\]\.port/,
  );
  t.match(await error('delete ns default'), /\(Forbidden\): namespaces "default" is forbidden/);
  t.match(await error('get pods'), /the server doesn't have a resource type "pods"/);
  t.match(
    await error('get ws --as eve'),
    /\(Forbidden\): workspaces\.nexus\.dev is forbidden: User "eve" cannot list/,
  );
  t.match(await error('get ws --token nonsense'), /\(Unauthorized\)|must be logged in/);
  const warned = await kubectl(
    'apply --validate=warn --dry-run=server -f -',
    `${workspace.replace('shop', 'warned')}  colour: red\n`,
  );
  t.match(warned, { code: 0, err: /Warning: unknown field "spec.colour"/ });
});

t.test('the built-in kinds, made in every way kubectl has', async t => {
  t.match(await kubectl('create namespace team'), { code: 0, out: 'namespace/team created\n' });
  t.match(await kubectl('create configmap c --from-literal=a=b -n team'), { code: 0 });
  t.match(await kubectl('create secret generic s --from-literal=a=b -n team'), { code: 0 });
  t.match(await kubectl('create secret tls t --cert=/none --key=/none -n team'), { code: 1 });
  t.match(
    await kubectl(
      'apply -n team -f -',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s2}\nstringData: {a: b}\n',
    ),
    { code: 0, out: 'secret/s2 created\n' },
  );
  t.match(
    await kubectl(
      'apply -n team -f -',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s2}\nstringData: {a: b}\n',
    ),
    { code: 0 },
  );
  t.equal((await kubectl('get secret s2 -n team -o jsonpath={.data.a}')).out, 'Yg==');
  t.match((await kubectl('get secret,cm -n team')).out, /secret\/s +Opaque +1[\s\S]*configmap\/c +1/);
  t.match(await kubectl('patch cm c -n team -p {"data":{"x":"y"}}'), { code: 0, out: /patched/ });
  t.match((await kubectl('describe cm c -n team')).out, /x:\n----\ny/);
  t.match((await kubectl('describe secret s -n team')).out, /a: +1 bytes/);
  t.match((await kubectl('describe ns team')).out, /Status: +Active/);
  t.match((await kubectl('get ns')).out, /default +Active[\s\S]*team +Active/);
  t.match((await kubectl('get crd')).out, /workspaces\.nexus\.dev +20/);
  await call('POST', '/api/v1/namespaces/default/events', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      namespace: 'default',
      name: 'shop',
    },
    reason: 'Created',
    message: 'Made.',
    type: 'Normal',
    lastTimestamp: new Date().toISOString(),
  });
  t.match((await kubectl('get events')).out, /Normal +Created +workspace\/shop +Made\./);
  t.match((await kubectl('events --for workspace/shop')).out, /Created +Workspace\/shop +Made\./);
  t.match(await kubectl('delete ns team --wait=false'), { code: 0 });
  t.match((await kubectl('get ns team')).out, /Terminating/);
  t.match(await kubectl('create configmap d -n team'), { code: 1, err: /being terminated/ });
});

t.test('watching, waiting and deleting', async t => {
  const watching = spawn('kubectl', ['get', 'ws', '-w', '--output-watch-events'], { env });
  t.teardown(() => watching.kill());
  let seen = '';
  watching.stdout.on('data', chunk => {
    seen += chunk;
  });
  const sees = (pattern: RegExp) =>
    until(() => pattern.test(seen), { timeoutMs: 10_000, what: () => `${pattern} in ${seen}` });
  await sees(/ADDED +shop/);
  const status =
    '{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}';
  const waiting = kubectl('wait ws/shop --for=condition=Ready --timeout=180s');
  t.equal((await kubectl(`patch ws shop --subresource=status --type=merge -p ${status}`)).code, 0);
  t.match(await waiting, { code: 0, out: 'workspace.nexus.dev/shop condition met\n' });
  await sees(/MODIFIED +shop/);
  t.match(await kubectl('wait ws/shop --for=jsonpath={.status.phase}=Running --timeout=60s'), { code: 0 });
  const gone = kubectl('wait ws/shop --for=delete --timeout=180s');
  t.match(await kubectl('delete ws shop'), { code: 0, out: 'workspace.nexus.dev "shop" deleted\n' });
  t.equal((await gone).code, 0);
  await sees(/DELETED +shop/);
  t.match(await kubectl('delete ws --all'), { code: 0, out: /"ssa" deleted/ });
  t.match(await kubectl('delete ws none'), { code: 1, err: /NotFound/ });
  t.match(await kubectl('delete ws none --ignore-not-found'), { code: 0 });
});
