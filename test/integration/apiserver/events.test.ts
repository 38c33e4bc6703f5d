import t from 'tap';
import { type Any, refused, startLab } from './lab.ts';

const CORE = '/api/v1/namespaces/default/events';
const NEWER = '/apis/events.k8s.io/v1/namespaces/default/events';
const MERGE = { type: 'application/merge-patch+json' };

const regarding = { kind: 'Workspace', namespace: 'default', name: 'shop', apiVersion: 'nexus.dev/v1alpha1' };
const newer = (name: string, more: object = {}) => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Scheduling',
  reason: 'Scheduled',
  regarding,
  note: 'It is on node-1.',
  type: 'Normal',
  ...more,
});
const older = (name: string, more: object = {}) => ({
  metadata: { name },
  involvedObject: regarding,
  reason: 'Pulled',
  message: 'The image is there.',
  source: { component: 'agent', host: 'node-1' },
  firstTimestamp: '2025-12-31T23:59:00Z',
  lastTimestamp: '2025-12-31T23:59:30Z',
  count: 3,
  type: 'Warning',
  ...more,
});

t.test('an Event of one group is the same Event in the other', async t => {
  const { call, watch } = await startLab(t);
  const [inCore, inNewer] = [await watch(`${CORE}?watch=true`), await watch(`${NEWER}?watch=true`)];
  const made = await call('POST', NEWER, newer('new'));
  t.equal(made.code, 201);
  t.match(made.body, { ...newer('new'), metadata: { name: 'new', namespace: 'default' } });
  const { apiVersion: _, eventTime, note, reportingController, regarding: about, ...rest } = newer('new');
  const asCore = { ...rest, eventTime, message: note, reportingComponent: reportingController };
  const core = (await call('GET', `${CORE}/new`)).body;
  t.match(core, { apiVersion: 'v1', ...asCore, involvedObject: about });
  t.notOk('note' in core || 'regarding' in core);
  t.equal(core.metadata.uid, made.body.metadata.uid);

  t.equal((await call('POST', CORE, older('old'))).code, 201);
  const old = (await call('GET', `${NEWER}/old`)).body;
  t.match(old, {
    apiVersion: 'events.k8s.io/v1',
    eventTime: null,
    regarding,
    note: 'The image is there.',
    deprecatedSource: { component: 'agent', host: 'node-1' },
    deprecatedFirstTimestamp: '2025-12-31T23:59:00Z',
    deprecatedLastTimestamp: '2025-12-31T23:59:30Z',
    deprecatedCount: 3,
  });
  t.notOk('message' in old || 'involvedObject' in old);
  for (const [lines, apiVersion] of [
    [inCore, 'v1'],
    [inNewer, 'events.k8s.io/v1'],
  ] as const) {
    for (const name of ['new', 'old'])
      t.match(await lines.next(), { type: 'ADDED', object: { apiVersion, metadata: { name } } });
    lines.close();
  }
  const names = async (path: string) =>
    (await call('GET', path)).body.items.map((event: Any) => event.metadata.name);
  t.same(await names(CORE), ['new', 'old']);
  t.same(await names('/apis/events.k8s.io/v1/events'), ['new', 'old']);
  refused(t, await call('POST', NEWER, newer('old')), 409, 'AlreadyExists');
  t.equal((await call('DELETE', `${NEWER}/old`)).code, 200);
  refused(t, await call('GET', `${CORE}/old`), 404, 'NotFound');
});

t.test('a recorder counts on by patches, and by server-side apply', async t => {
  const { call } = await startLab(t);
  await call('POST', NEWER, newer('e'));
  const series = { count: 2, lastObservedTime: '2026-01-01T00:00:05.000000Z' };
  const strategic = { type: 'application/strategic-merge-patch+json' };
  t.match((await call('PATCH', `${NEWER}/e`, { series }, strategic)).body, {
    apiVersion: 'events.k8s.io/v1',
    series,
  });
  t.match((await call('GET', `${CORE}/e`)).body, { apiVersion: 'v1', series, message: 'It is on node-1.' });
  const applied = await call(
    'PATCH',
    `${NEWER}/e?fieldManager=me`,
    { apiVersion: 'events.k8s.io/v1', kind: 'Event', series: { ...series, count: 3 } },
    { type: 'application/apply-patch+yaml' },
  );
  refused(t, applied, 409, 'Conflict');
  const replaced = { ...(await call('GET', `${NEWER}/e`)).body, series: { ...series, count: 4 } };
  t.equal((await call('PUT', `${NEWER}/e`, replaced)).body.series.count, 4);
});

t.test('Events are found by what they are about, by the names that each group has for it', async t => {
  const { call } = await startLab(t);
  await call('POST', NEWER, newer('new'));
  await call('POST', CORE, older('old'));
  const found = async (path: string, selector: string) =>
    (await call('GET', `${path}?fieldSelector=${encodeURIComponent(selector)}`)).body.items.map(
      (event: Any) => event.metadata.name,
    );
  for (const [selector, names] of [
    ['regarding.name=shop', ['new', 'old']],
    ['regarding.kind=Workspace,regarding.namespace=default,type=Warning', ['old']],
    ['reason=Scheduled', ['new']],
    ['reason!=Scheduled', ['old']],
    ['reportingController=example.com/controller', ['new']],
    ['regarding.uid=x', []],
  ] as const)
    t.same(await found(NEWER, selector), names, selector);
  t.same(await found(CORE, 'involvedObject.name=shop,reportingComponent=example.com/controller'), ['new']);
  for (const [path, field] of [
    [NEWER, 'involvedObject.name'],
    [NEWER, 'source'],
    [CORE, 'regarding.name'],
  ])
    refused(t, await call('GET', `${path}?fieldSelector=${field}%3Dx`), 400, 'BadRequest', field);
});

t.test(
  'an Event of the newer group says everything that one must, and changes in its series alone',
  async t => {
    const { call } = await startLab(t);
    const causes = async (answer: ReturnType<typeof call>) =>
      refused(t, await answer, 422, 'Invalid').details?.causes?.map(({ field }) => field);
    const create = (more: object) => causes(call('POST', NEWER, newer('x', more)));
    t.same(await create({ eventTime: null }), ['eventTime']);
    t.same(await create({ type: 'Odd' }), ['type']);
    t.same(await create({ action: '', reason: '', reportingInstance: '' }), [
      'reportingInstance',
      'action',
      'reason',
    ]);
    t.same(await create({ reportingController: 'a b' }), ['reportingController']);
    t.same(await create({ note: 'x'.repeat(1025) }), ['message']);
    t.same(await create({ deprecatedCount: 2, deprecatedSource: { component: 'x' } }), ['count', 'source']);
    t.same(await create({ series: { count: 1, lastObservedTime: null } }), [
      'series.count',
      'series.lastObservedTime',
    ]);
    await call('POST', NEWER, newer('e'));
    const change = (body: object) => causes(call('PATCH', `${NEWER}/e`, body, MERGE));
    t.same(await change({ note: 'other', action: 'other' }), ['message', 'action']);
    t.same(await change({ series: { count: 1 } }), ['series.count', 'series.lastObservedTime']);
    t.same(
      await causes(call('POST', CORE, older('o', { eventTime: '2026-01-01T00:00:00.000000Z' }))),
      [...Array(3).fill('reportingComponent'), 'reportingInstance', 'action'],
      'also in v1 where it has the time of a newer one',
    );
  },
);
