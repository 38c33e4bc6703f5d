import t from 'tap';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

t.test('create fills in what the server decides, and drops what it does not know', async t => {
  const { call } = await startLab(t);
  const sent = {
    ...workspace('shop', { services: [{ name: 'web', command: 'x', port: 3000 }], bogus: 1 }),
    status: { phase: 'Running' },
  };
  sent.metadata = { ...sent.metadata, uid: 'mine', generation: 7, creationTimestamp: '2000-01-01T00:00:00Z' };
  const made = await call('POST', WS, sent);
  t.equal(made.code, 201);
  t.match(made.body, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: {
      name: 'shop',
      namespace: 'default',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { running: true, services: [{ exposure: 'Private' }] },
  });
  t.not(made.body.metadata.uid, 'mine');
  t.equal(made.body.status, undefined);
  t.equal(made.body.spec.bogus, undefined);
  t.match(made.headers.warning, [/^299 - "unknown field \\"spec.bogus\\""$/]);
  t.same((await call('GET', `${WS}/shop`)).body, made.body);
  t.equal(made.body.metadata.managedFields[0].operation, 'Update');
});

t.test('fieldValidation decides about unknown and duplicate fields', async t => {
  const { call } = await startLab(t);
  const text =
    '{"apiVersion":"nexus.dev/v1alpha1","kind":"Workspace","metadata":{"name":"a"},"spec":{"running":true,"running":false,"x":1}}';
  const strict = refused(t, await call('POST', `${WS}?fieldValidation=Strict`, text), 400, 'BadRequest');
  t.match(strict.message, /strict decoding error: duplicate field "spec.running", unknown field "spec.x"/);
  const warned = await call('POST', `${WS}?fieldValidation=Warn&dryRun=All`, text);
  t.equal(warned.code, 201);
  t.equal(warned.body.spec.running, false, 'the last one counts');
  t.equal((warned.headers.warning as string[]).length, 2);
  const ignored = await call('POST', `${WS}?fieldValidation=Ignore&dryRun=All`, text);
  t.equal(ignored.headers.warning, undefined);
  refused(t, await call('POST', `${WS}?fieldValidation=Sometimes`, text), 422, 'Invalid');
});

t.test('create refuses what is there, what is invalid and what does not fit its path', async t => {
  const { call } = await startLab(t);
  await call('POST', WS, workspace('shop'));
  const exists = refused(t, await call('POST', WS, workspace('shop')), 409, 'AlreadyExists');
  t.equal(exists.message, 'workspaces.nexus.dev "shop" already exists');
  t.same(exists.details, { name: 'shop', group: 'nexus.dev', kind: 'workspaces' });
  const invalid = refused(
    t,
    await call('POST', WS, workspace('bad', { services: [{ name: '1', port: 99999 }] })),
    422,
    'Invalid',
  );
  t.match(invalid.details?.kind, 'Workspace');
  t.ok((invalid.details?.causes?.length ?? 0) >= 3, 'every cause is told');
  t.match(invalid.message, /^Workspace.nexus.dev "bad" is invalid: \[/);
  const nameless = refused(t, await call('POST', WS, workspace('')), 422, 'Invalid');
  t.match(nameless.details?.causes, [{ reason: 'FieldValueRequired', field: 'metadata.name' }]);
  refused(t, await call('POST', WS, workspace('Upper')), 422, 'Invalid');
  refused(t, await call('POST', WS, { ...workspace('x'), kind: 'Placement' }), 400, 'BadRequest');
  refused(t, await call('POST', WS, { ...workspace('x'), apiVersion: 'nexus.dev/v1' }), 400, 'BadRequest');
  refused(
    t,
    await call('POST', WS, { ...workspace('x'), metadata: { name: 'x', namespace: 'other' } }),
    400,
    'BadRequest',
  );
  refused(
    t,
    await call('POST', WS, { ...workspace('x'), metadata: { name: 'x', resourceVersion: '1' } }),
    400,
    'BadRequest',
  );
  refused(t, await call('POST', WS, { ...workspace('x'), metadata: { name: 5 } }), 400, 'BadRequest');
  refused(
    t,
    await call('POST', WS, { ...workspace('x'), metadata: { name: 'x', labels: [] } }),
    400,
    'BadRequest',
  );
  refused(t, await call('POST', WS, '[]'), 400, 'BadRequest');
  refused(t, await call('POST', WS), 400, 'BadRequest');
  refused(
    t,
    await call('POST', '/apis/nexus.dev/v1alpha1/workspaces', workspace('x')),
    405,
    'MethodNotAllowed',
  );
  refused(t, await call('POST', `${WS}/x`, workspace('x')), 405, 'MethodNotAllowed');
  refused(t, await call('PUT', WS, workspace('x')), 405, 'MethodNotAllowed');
  refused(t, await call('PATCH', WS, workspace('x')), 405, 'MethodNotAllowed');
});

t.test('generateName makes a name that is free', async t => {
  const { call } = await startLab(t);
  const object = { ...workspace('x'), metadata: { generateName: 'web-' } };
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) names.add((await call('POST', WS, object)).body.metadata.name);
  t.equal(names.size, 20);
  for (const name of names) t.match(name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

t.test('a dry run answers as the real thing and stores nothing', async t => {
  const { call, store } = await startLab(t);
  const before = store.revision;
  const made = await call('POST', `${WS}?dryRun=All`, workspace('shop'));
  t.match(made, { code: 201, body: { metadata: { uid: String, resourceVersion: undefined } } });
  refused(t, await call('GET', `${WS}/shop`), 404, 'NotFound');
  refused(t, await call('POST', `${WS}?dryRun=Some`, workspace('shop')), 422, 'Invalid');
  t.equal(store.revision, before);
  await call('POST', WS, workspace('shop'));
  refused(t, await call('POST', `${WS}?dryRun=All`, workspace('shop')), 409, 'AlreadyExists');
  const { body: live } = await call('GET', `${WS}/shop`);
  const patched = await call(
    'PATCH',
    `${WS}/shop?dryRun=All`,
    { spec: { running: false } },
    { type: 'application/merge-patch+json' },
  );
  t.equal(patched.body.spec.running, false);
  t.equal((await call('DELETE', `${WS}/shop?dryRun=All`)).code, 200);
  t.same((await call('GET', `${WS}/shop`)).body, live);
});

t.test('replace needs the version it was made from, and keeps what the server decides', async t => {
  const { call } = await startLab(t);
  const { body: first } = await call('POST', WS, workspace('shop'));
  const unversioned = { ...first, metadata: { ...first.metadata, resourceVersion: undefined } };
  refused(t, await call('PUT', `${WS}/shop`, unversioned), 422, 'Invalid', 'custom kinds need a version');
  const second = await call('PUT', `${WS}/shop`, { ...first, spec: { ...first.spec, running: false } });
  t.match(second, { code: 200, body: { metadata: { generation: 2, uid: first.metadata.uid } } });
  const conflict = refused(t, await call('PUT', `${WS}/shop`, first), 409, 'Conflict');
  t.match(
    conflict.message,
    /^Operation cannot be fulfilled on workspaces.nexus.dev "shop": the object has been modified/,
  );
  for (const [field, value] of [
    ['uid', 'other'],
    ['creationTimestamp', '2000-01-01T00:00:00Z'],
    ['deletionTimestamp', '2000-01-01T00:00:00Z'],
  ]) {
    const metadata = { ...second.body.metadata, [field as string]: value };
    const answer = await call('PUT', `${WS}/shop`, { ...second.body, metadata });
    refused(
      t,
      answer,
      field === 'uid' ? 409 : 422,
      field === 'uid' ? 'Conflict' : 'Invalid',
      `${field} is immutable`,
    );
  }
  refused(t, await call('PUT', `${WS}/other`, second.body), 400, 'BadRequest', 'the name is the path’s');
  refused(t, await call('PUT', `${WS}/gone`, workspace('gone')), 404, 'NotFound');
  await call('POST', CM, configMap('free', { a: '1' }));
  t.equal(
    (await call('PUT', `${CM}/free`, configMap('free', { a: '2' }))).body.data.a,
    '2',
    'built-in kinds need none',
  );
});

t.test('generation moves with the spec alone, and a write that changes nothing writes nothing', async t => {
  const { call, store } = await startLab(t);
  const { body: made } = await call('POST', WS, workspace('shop', { running: false }));
  const labelled = await call(
    'PATCH',
    `${WS}/shop`,
    { metadata: { labels: { a: 'b' } } },
    { type: 'application/merge-patch+json' },
  );
  t.equal(labelled.body.metadata.generation, 1);
  t.not(labelled.body.metadata.resourceVersion, made.metadata.resourceVersion);
  const before = store.revision;
  const same = await call('PUT', `${WS}/shop`, labelled.body);
  t.same(same.body, labelled.body);
  for (const type of ['application/merge-patch+json', 'application/json-patch+json'])
    t.same(
      (await call('PATCH', `${WS}/shop`, type.includes('merge') ? {} : [], { type })).body,
      labelled.body,
    );
  t.equal(store.revision, before, 'no new revision');
  const spec = await call(
    'PATCH',
    `${WS}/shop`,
    { spec: { running: true } },
    { type: 'application/merge-patch+json' },
  );
  t.equal(spec.body.metadata.generation, 2);
});

t.test('status is written by its own path alone, and that path writes nothing else', async t => {
  const { call } = await startLab(t);
  const { body: made } = await call('POST', WS, workspace('shop'));
  const put = await call('PUT', `${WS}/shop/status`, {
    ...made,
    metadata: { ...made.metadata, labels: { a: 'b' } },
    spec: { running: false },
    status: { phase: 'Running' },
  });
  t.match(put, {
    code: 200,
    body: { spec: { running: true }, status: { phase: 'Running' }, metadata: { generation: 1 } },
  });
  t.equal(put.body.metadata.labels, undefined);
  const main = await call('PUT', `${WS}/shop`, {
    ...put.body,
    status: { phase: 'Failed' },
    spec: { running: false },
  });
  t.match(main.body, { spec: { running: false }, status: { phase: 'Running' }, metadata: { generation: 2 } });
  const merged = await call(
    'PATCH',
    `${WS}/shop/status`,
    { status: { nodeName: 'n1' }, spec: { running: true } },
    { type: 'application/merge-patch+json' },
  );
  t.match(merged.body, { spec: { running: false }, status: { phase: 'Running', nodeName: 'n1' } });
  refused(
    t,
    await call(
      'PATCH',
      `${WS}/shop/status`,
      { status: { phase: 'Dancing' } },
      { type: 'application/merge-patch+json' },
    ),
    422,
    'Invalid',
  );
  t.same((await call('GET', `${WS}/shop/status`)).body, merged.body);
  refused(t, await call('GET', `${WS}/shop/log`), 404, 'NotFound');
  refused(t, await call('PUT', `${CM}/x/status`, configMap('x')), 404, 'NotFound');
});

t.test('writes at the same time: one wins, patches without a version all land', async t => {
  const { call } = await startLab(t);
  const { body: made } = await call('POST', CM, configMap('c'));
  const puts = await Promise.all(
    Array.from({ length: 8 }, (_, i) => call('PUT', `${CM}/c`, { ...made, data: { put: String(i) } })),
  );
  t.equal(puts.filter(answer => answer.code === 200).length, 1);
  t.equal(puts.filter(answer => answer.code === 409).length, 7);
  const patches = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      call('PATCH', `${CM}/c`, { data: { [`p${i}`]: 'x' } }, { type: 'application/merge-patch+json' }),
    ),
  );
  t.same(
    patches.map(answer => answer.code),
    [200, 200, 200, 200, 200],
  );
  t.equal(Object.keys((await call('GET', `${CM}/c`)).body.data).length, 6);
});

t.test('whether the namespace is there is told before what is wrong with the object', async t => {
  const { call } = await startLab(t);
  const bad = configMap('x', { 'a b': 'c' });
  refused(t, await call('POST', CM.replace('default', 'none'), bad), 404, 'NotFound');
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
  await call('DELETE', '/api/v1/namespaces/going');
  refused(t, await call('POST', CM.replace('default', 'going'), bad), 403, 'Forbidden');
});

t.test(
  'options that are of other requests are passed over, and an empty finalize changes nothing',
  async t => {
    const { call } = await startLab(t);
    t.equal((await call('POST', `${CM}?force=true`, configMap('f'))).code, 201);
    t.equal((await call('PUT', `${CM}/f?force=true`, configMap('f', { a: '1' }))).code, 200);
    const apply = { type: 'application/apply-patch+yaml' };
    const untyped = { kind: 'ConfigMap', metadata: { name: 'f' } };
    refused(t, await call('PATCH', `${CM}/f?fieldManager=m`, untyped, apply), 400, 'BadRequest');
    refused(t, await call('DELETE', `${CM}/f?gracePeriodSeconds=x`), 400, 'BadRequest');
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'kept' } });
    refused(t, await call('PUT', '/api/v1/namespaces/kept/finalize', {}), 400, 'BadRequest');
    const { spec } = (await call('GET', '/api/v1/namespaces/kept')).body;
    t.same(spec, { finalizers: ['kubernetes'] });
  },
);
