import t from 'tap';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const MERGE = { type: 'application/merge-patch+json' };
const JSON_PATCH = { type: 'application/json-patch+json' };
const STRATEGIC = { type: 'application/strategic-merge-patch+json' };
const APPLY = { type: 'application/apply-patch+yaml' };
const services = [
  { name: 'db', command: 'postgres', port: 5432 },
  { name: 'web', command: 'npm start', port: 3000, dependsOn: ['db'] },
];

t.test('every form of patch, and the ones a kind does not take', async t => {
  const { call } = await startLab(t);
  await call('POST', WS, workspace('shop', { services }));
  const merged = await call('PATCH', `${WS}/shop`, { spec: { image: 'debian:12', running: null } }, MERGE);
  t.match(merged, { code: 200, body: { spec: { image: 'debian:12', running: true } } });
  const patched = await call(
    'PATCH',
    `${WS}/shop`,
    [
      { op: 'test', path: '/spec/image', value: 'debian:12' },
      { op: 'replace', path: '/spec/services/1/port', value: 4000 },
      { op: 'add', path: '/metadata/labels', value: { a: 'b' } },
    ],
    JSON_PATCH,
  );
  t.match(patched, {
    code: 200,
    body: { spec: { services: [{}, { port: 4000 }] }, metadata: { labels: { a: 'b' } } },
  });
  const failing = await call(
    'PATCH',
    `${WS}/shop`,
    [{ op: 'test', path: '/spec/image', value: 'x' }],
    JSON_PATCH,
  );
  t.ok(failing.code === 422 || failing.code === 400, 'a failed test refuses the patch');
  refused(t, await call('PATCH', `${WS}/shop`, {}, STRATEGIC), 415, 'UnsupportedMediaType');
  refused(t, await call('PATCH', `${WS}/shop`, {}), 415, 'UnsupportedMediaType');
  refused(t, await call('PATCH', `${WS}/shop`, {}, JSON_PATCH), 400, 'BadRequest');
  refused(t, await call('PATCH', `${WS}/shop`, [], MERGE), 400, 'BadRequest');
  refused(t, await call('PATCH', `${WS}/shop`, '', MERGE), 400, 'BadRequest');
  refused(t, await call('PATCH', `${WS}/none`, {}, MERGE), 404, 'NotFound');
  refused(t, await call('PATCH', `${WS}/shop`, { metadata: { name: 'other' } }, MERGE), 400, 'BadRequest');
  refused(
    t,
    await call('PATCH', `${WS}/shop`, { metadata: { namespace: 'other' } }, MERGE),
    400,
    'BadRequest',
  );
  refused(
    t,
    await call('PATCH', `${WS}/shop`, { metadata: { resourceVersion: '1' } }, MERGE),
    409,
    'Conflict',
  );
  refused(t, await call('PATCH', `${WS}/shop?force=true`, {}, MERGE), 422, 'Invalid', 'force is for apply');
  refused(
    t,
    await call('PATCH', `${WS}/shop?fieldValidation=Strict`, { spec: { x: 1 } }, MERGE),
    400,
    'BadRequest',
  );
  await call('POST', CM, configMap('c', { a: '1' }, { labels: { x: 'y' } }));
  const strategic = await call('PATCH', `${CM}/c`, { data: { b: '2', a: null } }, STRATEGIC);
  t.same(strategic.body.data, { b: '2' });
});

t.test('apply creates, owns what it says, and tells conflicts by field and manager', async t => {
  const { call } = await startLab(t);
  const apply = (manager: string, spec: object, query = '') =>
    call('PATCH', `${WS}/shop?fieldManager=${manager}${query}`, workspace('shop', spec), APPLY);
  const made = await apply('alice', { image: 'debian:12', services });
  t.match(made, {
    code: 201,
    body: { metadata: { generation: 1, managedFields: [{ manager: 'alice', operation: 'Apply' }] } },
  });
  const again = await apply('alice', { image: 'debian:12', services });
  t.equal(again.code, 200);
  t.same(again.body, made.body, 'the same again changes nothing');
  const conflict = refused(t, await apply('bob', { image: 'alpine:3' }), 409, 'Conflict');
  t.match(conflict.details?.causes, [
    { reason: 'FieldManagerConflict', field: '.spec.image', message: /alice/ },
  ]);
  const forced = await apply('bob', { image: 'alpine:3' }, '&force=true');
  t.match(forced, { code: 200, body: { spec: { image: 'alpine:3' }, metadata: { generation: 2 } } });
  const one = await apply('alice', { services: services.slice(0, 1) });
  t.equal(one.body.spec.services.length, 1, 'what nobody applies any more is removed');
  t.equal(one.body.spec.image, 'alpine:3', 'bob’s stays');
});

t.test('apply is refused where it cannot mean anything', async t => {
  const { call } = await startLab(t);
  const body = workspace('shop');
  refused(t, await call('PATCH', `${WS}/shop`, body, APPLY), 422, 'Invalid', 'a manager is needed');
  refused(t, await call('PATCH', `${WS}/shop?fieldManager=${'x'.repeat(200)}`, body, APPLY), 422, 'Invalid');
  refused(t, await call('PATCH', `${WS}/shop?fieldManager=a%07`, body, APPLY), 422, 'Invalid');
  const apply = (object: object, path = `${WS}/shop`) =>
    call('PATCH', `${path}?fieldManager=a`, object, APPLY);
  refused(t, await apply({ ...body, metadata: { name: 'shop', managedFields: [{}] } }), 400, 'BadRequest');
  refused(t, await apply({ ...body, metadata: { name: 'other' } }), 400, 'BadRequest');
  refused(t, await apply({ ...body, metadata: { name: 'shop', uid: 'x' } }), 409, 'Conflict');
  refused(t, await apply({ ...body, metadata: { name: 'shop', resourceVersion: '4' } }), 404, 'NotFound');
  refused(t, await apply({ status: {}, ...body }, `${WS}/shop/status`), 404, 'NotFound');
  refused(t, await apply(body, '/apis/nexus.dev/v1alpha1/namespaces/none/workspaces/shop'), 404, 'NotFound');
});

t.test('apply takes YAML, status by its own path, and stringData of secrets', async t => {
  const { call } = await startLab(t);
  const yaml =
    'apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: shop}\nspec: {running: false}\nstatus: {phase: Failed}\n';
  const made = await call('PATCH', `${WS}/shop?fieldManager=a`, yaml, APPLY);
  t.match(made, { code: 201, body: { spec: { running: false } } });
  t.equal(made.body.status, undefined);
  const status = await call(
    'PATCH',
    `${WS}/shop/status?fieldManager=controller`,
    { ...workspace('shop', { running: true }), status: { phase: 'Running' } },
    APPLY,
  );
  t.match(status.body, {
    spec: { running: false },
    status: { phase: 'Running' },
    metadata: { generation: 1 },
  });
  t.match(status.body.metadata.managedFields, [
    { manager: 'a' },
    { manager: 'controller', subresource: 'status' },
  ]);
  const secret = await call(
    'PATCH',
    '/api/v1/namespaces/default/secrets/s?fieldManager=a',
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { key: 'value' } },
    APPLY,
  );
  t.match(secret.body, { data: { key: 'dmFsdWU=' }, type: 'Opaque', stringData: undefined });
});

t.test(
  'managedFields may be rewritten by themselves, as kubectl does to come from client-side apply',
  async t => {
    const { call, store } = await startLab(t);
    const made = await call(
      'POST',
      `${CM}?fieldManager=kubectl-client-side-apply`,
      configMap('c', { a: '1' }),
    );
    const [entry] = made.body.metadata.managedFields;
    const patch = (value: object[], more: object[] = []) =>
      call(
        'PATCH',
        `${CM}/c?fieldManager=x`,
        [{ op: 'replace', path: '/metadata/managedFields', value }, ...more],
        {
          type: 'application/json-patch+json',
        },
      );
    const applied = { ...entry, manager: 'kubectl', operation: 'Apply' };
    const { resourceVersion } = made.body.metadata;
    const version = [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }];
    const moved = await patch([applied], version);
    t.same(moved.body.metadata.managedFields, [applied]);
    t.not(moved.body.metadata.resourceVersion, resourceVersion, 'that is a write');
    refused(t, await patch([entry], version), 409, 'Conflict');
    const { revision } = store;
    t.same(
      (await patch([{ ...applied, time: '2020-01-01T00:00:00Z' }])).body,
      moved.body,
      'but not of times alone',
    );
    t.same((await patch([{ ...applied, operation: 'Odd' }])).body, moved.body, 'and not of what is none');
    t.equal(store.revision, revision);
    const body = configMap('c', { b: '1' });
    const second = await call('PATCH', `${CM}/c?fieldManager=kubectl`, body, APPLY);
    t.same(
      second.body.data,
      { b: '1' },
      'what was applied on the client’s side before is removed by what is now',
    );
    t.equal((await patch([{}])).body.metadata.managedFields, undefined, 'an empty entry forgets them all');
  },
);

t.test('two who apply a new object at the same time both get through', async t => {
  const { call } = await startLab(t);
  const answers = await Promise.all(
    ['a', 'b', 'c'].map(manager =>
      call('PATCH', `${CM}/c?fieldManager=${manager}`, configMap('c', { [manager]: '1' }), APPLY),
    ),
  );
  t.same(answers.map(answer => answer.code).sort(), [200, 200, 201]);
  t.same((await call('GET', `${CM}/c`)).body.data, { a: '1', b: '1', c: '1' });
});

t.test('the manager is named after the client when it does not say', async t => {
  const { call } = await startLab(t);
  const managers = [];
  for (const [i, agent] of ['kubectl/v1.32.0 (linux/amd64)', '/', '\u0007x', ''].entries()) {
    const { body } = await call('POST', CM, configMap(`c${i}`, { a: '1' }), {
      headers: { 'user-agent': agent },
    });
    managers.push(body.metadata.managedFields[0].manager);
  }
  t.same(managers, ['kubectl', 'unknown', 'unknown', 'unknown']);
});
