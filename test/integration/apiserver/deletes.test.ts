import t from 'tap';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

t.test('delete answers with what went, and honours preconditions', async t => {
  const { call } = await startLab(t);
  const { body: made } = await call('POST', WS, workspace('shop'));
  const { uid, resourceVersion } = made.metadata;
  const remove = (preconditions: object) =>
    call('DELETE', `${WS}/shop`, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions });
  refused(t, await remove({ uid: 'other' }), 409, 'Conflict');
  refused(t, await remove({ uid, resourceVersion: '1' }), 409, 'Conflict');
  const gone = await remove({ uid, resourceVersion });
  t.match(gone, {
    code: 200,
    body: {
      kind: 'Status',
      status: 'Success',
      details: { name: 'shop', group: 'nexus.dev', kind: 'workspaces', uid },
    },
  });
  refused(t, await call('DELETE', `${WS}/shop`), 404, 'NotFound');
});

t.test('finalizers hold a deleted object until the last is let go', async t => {
  const { call, clock } = await startLab(t);
  const object = workspace('shop');
  object.metadata.finalizers = ['nexus.dev/workspace'];
  await call('POST', WS, object);
  const held = await call('DELETE', `${WS}/shop`);
  t.match(held, {
    code: 200,
    body: {
      kind: 'Workspace',
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0, generation: 2 },
    },
  });
  await clock.advance(5000);
  t.same((await call('DELETE', `${WS}/shop`)).body, held.body, 'deleting again changes nothing');
  const patch = (metadata: object) =>
    call('PATCH', `${WS}/shop`, { metadata }, { type: 'application/merge-patch+json' });
  refused(
    t,
    await patch({ finalizers: ['nexus.dev/workspace', 'x/y'] }),
    422,
    'Invalid',
    'no new finalizers',
  );
  t.equal((await patch({ deletionTimestamp: null })).body.metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
  t.equal((await patch({ labels: { still: 'writable' } })).code, 200);
  t.equal((await patch({ finalizers: null })).code, 200);
  refused(t, await call('GET', `${WS}/shop`), 404, 'NotFound');
});

t.test('the propagation policy is written down for the garbage collector', async t => {
  const { call } = await startLab(t);
  const held = async (query: string, body?: object) => {
    await call('POST', CM, configMap('c'));
    const answer = await call('DELETE', `${CM}/c${query}`, body);
    const { finalizers } = answer.body.metadata;
    await call(
      'PATCH',
      `${CM}/c`,
      { metadata: { finalizers: null } },
      { type: 'application/merge-patch+json' },
    );
    return finalizers;
  };
  t.same(await held('?propagationPolicy=Foreground'), ['foregroundDeletion']);
  t.same(await held('', { propagationPolicy: 'Orphan' }), ['orphan']);
  t.same(await held('?orphanDependents=true'), ['orphan']);
  t.equal(await held('?propagationPolicy=Background'), undefined);
  t.equal(await held('', { orphanDependents: false, gracePeriodSeconds: 30 }), undefined);
  await call('POST', CM, configMap('c'));
  refused(t, await call('DELETE', `${CM}/c?propagationPolicy=Sideways`), 422, 'Invalid');
  refused(t, await call('DELETE', `${CM}/c?propagationPolicy=`), 422, 'Invalid');
  refused(
    t,
    await call('DELETE', `${CM}/c`, { orphanDependents: true, propagationPolicy: 'Orphan' }),
    422,
    'Invalid',
  );
  refused(t, await call('DELETE', `${CM}/c`, { kind: 'Pod' }), 400, 'BadRequest');
  refused(t, await call('DELETE', `${CM}/c`, { propagationPolicy: 1 }), 400, 'BadRequest');
  for (const wrong of [
    { dryRun: 'All' },
    { dryRun: [1] },
    { preconditions: 'x' },
    { preconditions: { uid: 1 } },
    { orphanDependents: 'x' },
    { gracePeriodSeconds: 'x' },
    { gracePeriodSeconds: 1.5 },
  ])
    refused(t, await call('DELETE', `${CM}/c`, wrong), 400, 'BadRequest', Object.keys(wrong)[0]);
  refused(t, await call('DELETE', `${CM}/c`, '[]'), 400, 'BadRequest');
  refused(t, await call('DELETE', `${WS}/c/status`), 405, 'MethodNotAllowed');
});

t.test(
  'options in YAML, with nulls or as null are options; a dry run is heeded wherever it is asked for',
  async t => {
    const { call } = await startLab(t);
    const remove = async (body: unknown, of: { query?: string; type?: string } = {}) => {
      await call('POST', CM, configMap('c'));
      const answer = await call('DELETE', `${CM}/c${of.query ?? ''}`, body, { type: of.type });
      return { answer, isGone: (await call('GET', `${CM}/c`)).code === 404 };
    };
    const yaml = { type: 'application/yaml' };
    const { answer, isGone } = await remove('kind: DeleteOptions\npreconditions: {uid: other}\n', yaml);
    const why = refused(t, answer, 409, 'Conflict');
    t.match(
      why.message,
      'on ConfigMap "c": the UID in the precondition (other) does not match the UID in record',
    );
    t.equal(isGone, false);
    t.equal((await remove('kind: DeleteOptions\ndryRun: [All]\n', yaml)).isGone, false);
    t.equal((await remove({}, { type: '' })).isGone, true, 'a body of no type is JSON');
    t.equal((await remove({ propagationPolicy: 'Background' }, { query: '?dryRun=All' })).isGone, false);
    for (const preconditions of [{ uid: '' }, { resourceVersion: '' }])
      refused(t, (await remove({ preconditions })).answer, 409, 'Conflict');
    t.equal((await remove('null')).isGone, true);
    t.equal((await remove({ preconditions: null, dryRun: null, propagationPolicy: null })).isGone, true);
    t.equal((await remove({ gracePeriodSeconds: -5, unknown: 1 })).isGone, true);
  },
);

t.test('deletecollection removes what is selected, and no more', async t => {
  const { call } = await startLab(t);
  for (let i = 0; i < 6; i++)
    await call('POST', CM, configMap(`c${i}`, {}, { labels: { odd: String(i % 2) } }));
  const dry = await call('DELETE', `${CM}?labelSelector=odd=1&dryRun=All`);
  t.equal(dry.body.items.length, 3);
  const gone = await call('DELETE', `${CM}?labelSelector=odd=1`);
  t.match(gone, { code: 200, body: { kind: 'ConfigMapList' } });
  t.same(
    gone.body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['c1', 'c3', 'c5'],
  );
  t.equal((await call('GET', CM)).body.items.length, 3);
  const held = await call('DELETE', CM, { propagationPolicy: 'Foreground' });
  t.equal(held.body.items[0].metadata.deletionTimestamp, undefined, 'they are told as they were');
  t.same((await call('GET', CM)).body.items[0].metadata.finalizers, ['foregroundDeletion']);
  refused(t, await call('DELETE', CM, { preconditions: { uid: 'other' } }), 409, 'Conflict');
});

t.test('a namespace goes through Terminating, takes nothing new in, and is released by finalize', async t => {
  const { call } = await startLab(t);
  const made = await call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team' },
  });
  t.match(made.body, {
    metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const path = '/api/v1/namespaces/team';
  await call('POST', `${path}/configmaps`, configMap('c'));
  const deleted = await call('DELETE', path);
  t.match(deleted.body, {
    kind: 'Namespace',
    status: { phase: 'Terminating' },
    metadata: { deletionTimestamp: String },
  });
  const why = refused(t, await call('POST', `${path}/configmaps`, configMap('d')), 403, 'Forbidden');
  t.match(why.details?.causes, [{ reason: 'NamespaceTerminating' }]);
  const put = await call('PUT', path, { ...deleted.body, spec: {} });
  t.same(put.body.spec, { finalizers: ['kubernetes'] }, 'only finalize may change them');
  t.equal((await call('DELETE', `${path}/configmaps/c`)).code, 200, 'what is in it can go');
  refused(
    t,
    await call('PUT', `${path}/finalize`, { ...deleted.body, spec: { finalizers: 'x' } }),
    400,
    'BadRequest',
  );
  refused(t, await call('GET', `${path}/finalize`), 405, 'MethodNotAllowed');
  const kept = await call('PUT', `${path}/finalize`, put.body);
  t.equal(kept.body.metadata.resourceVersion, put.body.metadata.resourceVersion);
  t.equal((await call('PUT', `${path}/finalize`, { ...put.body, spec: {} })).code, 200);
  refused(t, await call('GET', path), 404, 'NotFound');
  refused(t, await call('PUT', `${path}/finalize`, put.body), 404, 'NotFound');
  refused(t, await call('POST', `${path}/configmaps`, configMap('d')), 404, 'NotFound');
});

t.test('namespaces and definitions that the server needs are not deleted', async t => {
  const { call } = await startLab(t);
  for (const name of ['default', 'kube-system', 'nexus-system'])
    refused(t, await call('DELETE', `/api/v1/namespaces/${name}`), 403, 'Forbidden');
  refused(
    t,
    await call('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workspaces.nexus.dev'),
    403,
    'Forbidden',
  );
});

t.test('namespaces are not deleted all at once', async t => {
  const { call } = await startLab(t);
  refused(t, await call('DELETE', '/api/v1/namespaces'), 405, 'MethodNotAllowed');
});
