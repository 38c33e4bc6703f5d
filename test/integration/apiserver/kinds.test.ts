import t from 'tap';
import { type Answer, CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const SECRETS = '/api/v1/namespaces/default/secrets';
const MERGE = { type: 'application/merge-patch+json' };
const secret = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  ...more,
});

t.test('stringData is folded into data, and never kept', async t => {
  const { call } = await startLab(t);
  const made = await call(
    'POST',
    SECRETS,
    secret('s', { data: { a: 'YQ==' }, stringData: { b: 'β', a: 'over' } }),
  );
  t.match(made.body, { type: 'Opaque', data: { a: 'b3Zlcg==', b: 'zrI=' }, stringData: undefined });
  const patched = await call('PATCH', `${SECRETS}/s`, { stringData: { c: 'x' } }, MERGE);
  t.same(Object.keys(patched.body.data), ['a', 'b', 'c']);
  t.equal(patched.body.stringData, undefined);
});

t.test('what a Secret or ConfigMap may not be', async t => {
  const { call } = await startLab(t);
  const bad = async (object: object, field: string) => {
    const path = (object as { kind: string }).kind === 'Secret' ? SECRETS : CM;
    const status = refused(t, await call('POST', path, object), 422, 'Invalid', field);
    t.equal(status.details?.causes?.[0]?.field, field);
  };
  await bad(secret('s', { data: { 'a b': 'YQ==' } }), 'data[a b]');
  await bad(secret('s', { type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==' } }), 'data[tls.key]');
  await bad(configMap('c', { 'a/b': '' }), 'data[a/b]');
  await bad({ ...configMap('c', { a: '' }), binaryData: { a: 'YQ==' } }, 'data[a]');
  await bad(configMap('c', { a: 'x'.repeat(1024 * 1024) }), '');
});

t.test(
  'what is of a wrong type is no object of a built-in kind, and an invalid one of a custom kind',
  async t => {
    const { call } = await startLab(t);
    const message = /^ConfigMap in version "v1" cannot be handled as a ConfigMap: data/;
    for (const data of ['x', [], { a: 1 }, { a: {} }])
      t.match(refused(t, await call('POST', CM, { ...configMap('c'), data }), 400, 'BadRequest'), {
        message,
      });
    for (const wrong of [{ stringData: { a: 1 } }, { data: { a: '***' } }, { type: 1 }])
      refused(t, await call('POST', SECRETS, secret('s', wrong)), 400, 'BadRequest');
    await call('POST', CM, configMap('c'));
    refused(t, await call('PUT', `${CM}/c`, { ...configMap('c'), data: 'x' }), 400, 'BadRequest');
    refused(t, await call('PATCH', `${CM}/c`, { data: 'x' }, MERGE), 422, 'Invalid');
    refused(t, await call('POST', WS, { ...workspace('w'), spec: 'x' }), 422, 'Invalid');
  },
);

t.test('an entry that is null is empty, and lists and maps without entries are left out', async t => {
  const { call } = await startLab(t);
  const nothing = { labels: {}, annotations: {}, finalizers: [], ownerReferences: [] };
  const owned = ({ body }: Answer) => body.metadata.managedFields?.[0].fieldsV1;
  const map = await call('POST', CM, { ...configMap('c', {}, nothing), data: { a: null }, binaryData: {} });
  t.same([map.body.data, map.body.binaryData], [{ a: '' }, undefined]);
  t.same(owned(map), { 'f:data': { '.': {}, 'f:a': {} } });
  t.same(
    Object.keys(nothing).filter(field => field in map.body.metadata),
    [],
  );
  const added = await call('PATCH', `${CM}/c`, [{ op: 'add', path: '/data/b', value: null }], {
    type: 'application/json-patch+json',
  });
  t.same(added.body.data, { a: '', b: '' });
  const none = await call('PATCH', `${CM}/c`, { data: { a: null, b: null } }, MERGE);
  t.notOk('data' in none.body, 'in a merge patch null takes away');
  const made = await call('POST', SECRETS, secret('s', { data: { a: null }, stringData: { b: null } }));
  t.same(made.body.data, { a: '', b: '' });
  const applied = { ...configMap('d', {}, { labels: {} }), data: { a: null } };
  const apply = () =>
    call('PATCH', `${CM}/d?fieldManager=m`, applied, { type: 'application/apply-patch+yaml' });
  const first = await apply();
  t.same([first.code, first.body.data, first.body.metadata.labels], [201, { a: '' }, undefined]);
  t.equal((await apply()).body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  const custom = await call('POST', WS, {
    ...workspace('w', { services: [] }),
    metadata: { name: 'w', ...nothing, finalizers: ['a.b/c'] },
  });
  t.same([custom.body.spec.services, custom.body.metadata.labels], [[], undefined]);
  const freed = await call('PATCH', `${WS}/w`, [{ op: 'remove', path: '/metadata/finalizers/0' }], {
    type: 'application/json-patch+json',
  });
  t.notOk('finalizers' in freed.body.metadata);
  const quota = await call('POST', '/api/v1/namespaces/default/resourcequotas', {
    metadata: { name: 'q' },
    spec: { hard: { pods: null }, scopes: [] },
  });
  t.same(quota.body.spec, { hard: { pods: '0' } });
  const role = await call('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', {
    metadata: { name: 'r' },
    rules: [],
  });
  t.same(role.body.rules, [], 'a role says that it allows nothing');
});

t.test('immutable ones stay as they are', async t => {
  const { call } = await startLab(t);
  await call('POST', SECRETS, secret('s', { data: { a: 'YQ==' }, immutable: true }));
  refused(t, await call('PATCH', `${SECRETS}/s`, { data: { a: 'Yg==' } }, MERGE), 422, 'Invalid');
  refused(t, await call('PATCH', `${SECRETS}/s`, { immutable: null }, MERGE), 422, 'Invalid');
  t.equal((await call('PATCH', `${SECRETS}/s`, { metadata: { labels: { a: 'b' } } }, MERGE)).code, 200);
  await call('POST', SECRETS, secret('typed', { type: 'a/b' }));
  refused(t, await call('PATCH', `${SECRETS}/typed`, { type: 'c/d' }, MERGE), 422, 'Invalid');
});

t.test('metadata is held to Kubernetes’ rules', async t => {
  const { call } = await startLab(t);
  const bad = async (metadata: object, field: string) => {
    const status = refused(
      t,
      await call('POST', CM, configMap('c', {}, metadata)),
      422,
      'Invalid',
      JSON.stringify(metadata).slice(0, 60),
    );
    t.equal(status.details?.causes?.[0]?.field, field);
  };
  await bad({ name: 'Not_a_name' }, 'metadata.name');
  await bad({ name: 'x'.repeat(254) }, 'metadata.name');
  await bad({ name: undefined, generateName: 'Bad_' }, 'metadata.generateName');
  await bad({ labels: { 'a b': 'c' } }, 'metadata.labels');
  await bad({ labels: { a: 'b c' } }, 'metadata.labels');
  await bad({ annotations: { 'a b': 'c' } }, 'metadata.annotations');
  await bad({ annotations: { a: 'x'.repeat(300_000) } }, 'metadata.annotations');
  await bad({ finalizers: ['a b'] }, 'metadata.finalizers');
  await bad(
    { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: '', uid: '1' }] },
    'metadata.ownerReferences.name',
  );
  const owner = (name: string) => ({ apiVersion: 'v1', kind: 'X', name, uid: name, controller: true });
  await bad({ ownerReferences: [owner('a'), owner('b')] }, 'metadata.ownerReferences');
  refused(
    t,
    await call('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a.b' },
    }),
    422,
    'Invalid',
  );
});

t.test('a workspace’s contradictions are refused when it is written', async t => {
  const { call } = await startLab(t);
  const service = (name: string, more: object = {}) => ({ name, command: 'x', ...more });
  const causes = async (spec: object) =>
    refused(t, await call('POST', WS, workspace('w', spec)), 422, 'Invalid').details?.causes;
  t.match(
    await causes({
      services: [
        service('a', { dependsOn: ['c'] }),
        service('b', { dependsOn: ['a'] }),
        service('c', { dependsOn: ['b'] }),
      ],
    }),
    [{ field: 'spec.services[0].dependsOn', message: /a -> c -> b -> a/ }],
  );
  t.match(await causes({ services: [service('a', { port: 22 })], ports: [{ name: 'p', port: 22 }] }), [{}]);
  t.match(await causes({ services: [service('a', { port: 22 })] }), [{ field: 'spec.services[0].port' }]);
  t.match(await causes({ ports: [{ name: 'a', port: 22 }] }), [{ field: 'spec.ports[0].port' }]);
  t.match(await causes({ services: [service('a', { healthCheck: { tcp: {} } })] }), [
    { field: 'spec.services[0].healthCheck.tcp.port' },
  ]);
  t.match(await causes({ resources: { memory: '1Mi' } }), [{ field: 'spec.resources.memory' }]);
  await call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'nexus-node-n1' },
  });
  const path = '/apis/nexus.dev/v1alpha1/namespaces/nexus-node-n1/workspaces';
  t.match(refused(t, await call('POST', path, workspace('w')), 422, 'Invalid').details?.causes, [
    { field: 'metadata.namespace' },
  ]);
  await call('POST', WS, workspace('w', { services: [service('a')] }));
  refused(
    t,
    await call('PATCH', `${WS}/w`, { spec: { services: [service('a', { port: 22 })] } }, MERGE),
    422,
    'Invalid',
  );
});

t.test('tables show what a kind’s columns say', async t => {
  const { call, clock } = await startLab(t);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const table = async (path: string) => (await call('GET', path, undefined, { headers: { accept } })).body;
  await call('POST', WS, workspace('shop'));
  await call(
    'PATCH',
    `${WS}/shop/status`,
    { status: { phase: 'Running', servicesReady: '2/2', nodeName: 'n1' } },
    MERGE,
  );
  await clock.advance(200_000);
  const list = await table(WS);
  t.match(list, { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: String } });
  t.same(
    list.columnDefinitions.map((c: { name: string }) => c.name),
    ['Name', 'Phase', 'Ready', 'Node', 'SSH', 'Age', 'Image', 'Commit'],
  );
  t.same(list.rows[0].cells, ['shop', 'Running', '2/2', 'n1', null, '3m20s', null, null]);
  t.match(list.rows[0].object, { kind: 'PartialObjectMetadata', metadata: { name: 'shop' } });
  t.equal((await table(`${WS}?includeObject=None`)).rows[0].object, undefined);
  t.equal((await table(`${WS}/shop?includeObject=Object`)).rows[0].object.kind, 'Workspace');
  refused(
    t,
    await call('GET', `${WS}?includeObject=Some`, undefined, { headers: { accept } }),
    400,
    'BadRequest',
  );
  await call('POST', SECRETS, secret('s', { data: { a: '' } }));
  await call('POST', CM, { ...configMap('c', { a: '' }), binaryData: { b: '' } });
  await call('POST', '/apis/coordination.k8s.io/v1/namespaces/default/leases', {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l' },
    spec: { holderIdentity: 'me' },
  });
  await call('POST', '/api/v1/namespaces/default/events', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'Workspace', namespace: 'default', name: 'shop' },
    lastTimestamp: '2026-01-01T00:00:00Z',
    reason: 'Created',
    message: 'Made.\n',
    type: 'Normal',
    source: { component: 'nexus', host: 'h' },
  });
  const cells = async (path: string) => (await table(path)).rows[0].cells;
  t.same(await cells(SECRETS), ['s', 'Opaque', 1, '0s']);
  t.same(await cells(CM), ['c', 2, '0s']);
  t.same(await cells('/apis/coordination.k8s.io/v1/leases'), ['l', 'me', '0s']);
  t.same(await cells('/api/v1/events'), [
    '3m20s',
    'Normal',
    'Created',
    'workspace/shop',
    '',
    'nexus, h',
    'Made.',
    '<unknown>',
    1,
    'e',
  ]);
  t.same(await cells('/api/v1/namespaces/default'), ['default', 'Active', '3m20s']);
  t.same(await cells('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nodes.nexus.dev'), [
    'nodes.nexus.dev',
    '2026-01-01T00:00:00Z',
  ]);
});

t.test('an event belongs to the namespace of what it is about', async t => {
  const { call } = await startLab(t);
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'X', namespace: 'other', name: 'x' },
  };
  refused(t, await call('POST', '/api/v1/namespaces/default/events', event), 422, 'Invalid');
});
