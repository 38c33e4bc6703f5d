import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { type Any, CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const names = (list: Any): string[] => list.items.map((item: Any) => item.metadata.name);

t.test('a list in parts is of one moment, and its parts are the whole', async t => {
  const { call } = await startLab(t);
  for (let i = 0; i < 10; i++) await call('POST', CM, configMap(`c${i}`));
  const whole = await call('GET', CM);
  t.match(whole.body, {
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion: String, continue: undefined },
  });
  const first = await call('GET', `${CM}?limit=4`);
  t.equal(first.body.metadata.remainingItemCount, 6);
  await call('POST', CM, configMap('c45'));
  await call('DELETE', `${CM}/c9`);
  const second = await call('GET', `${CM}?limit=4&continue=${first.body.metadata.continue}`);
  t.equal(second.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  const third = await call('GET', `${CM}?continue=${second.body.metadata.continue}`);
  t.same([...names(first.body), ...names(second.body), ...names(third.body)], names(whole.body));
  t.equal(third.body.metadata.continue, undefined);
});

t.test('selectors, by label and field, also in parts', async t => {
  const { call } = await startLab(t);
  for (let i = 0; i < 12; i++)
    await call('POST', CM, configMap(`c${i}`, {}, { labels: { odd: String(i % 2), n: String(i) } }));
  const select = async (query: string) => names((await call('GET', `${CM}?${query}`)).body);
  t.equal((await select('labelSelector=odd%3D1')).length, 6);
  t.same(await select('labelSelector=odd=1,n in (3,5)'), ['c3', 'c5']);
  t.same(await select('fieldSelector=metadata.name=c7'), ['c7']);
  t.same(await select('fieldSelector=metadata.name=c7,metadata.namespace!=default'), []);
  t.same(await select('fieldSelector=metadata.name=none'), []);
  const first = (await call('GET', `${CM}?labelSelector=odd=0&limit=4`)).body;
  t.equal(first.metadata.remainingItemCount, undefined);
  const rest = await select(`labelSelector=odd=0&limit=4&continue=${first.metadata.continue}`);
  t.equal(first.items.length + rest.length, 6);
  refused(t, await call('GET', `${CM}?fieldSelector=data.a=b`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?fieldSelector=nonsense`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?labelSelector=a=(`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?limit=1.5`), 400, 'BadRequest');
});

t.test('fields that a kind makes selectable', async t => {
  const { call } = await startLab(t);
  await call('POST', WS, workspace('a', { driver: 'docker' }));
  await call('POST', WS, workspace('b', { driver: 'lxc' }));
  await call(
    'PATCH',
    `${WS}/b/status`,
    { status: { phase: 'Running' } },
    { type: 'application/merge-patch+json' },
  );
  const all = '/apis/nexus.dev/v1alpha1/workspaces';
  t.same(names((await call('GET', `${all}?fieldSelector=spec.driver=docker`)).body), ['a']);
  t.same(names((await call('GET', `${all}?fieldSelector=status.phase=Running`)).body), ['b']);
  t.same(names((await call('GET', `${all}?fieldSelector=status.phase=`)).body), ['a']);
  t.same(names((await call('GET', `${all}?fieldSelector=metadata.namespace=default,metadata.name=a`)).body), [
    'a',
  ]);
  refused(t, await call('GET', `${all}?fieldSelector=spec.image=x`), 400, 'BadRequest');
  const event = (name: string, reason: string) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { kind: 'Workspace', namespace: 'default', name: 'a', uid: '1' },
    reason,
    type: 'Normal',
    source: { component: 'test' },
  });
  const events = '/api/v1/namespaces/default/events';
  await call('POST', events, event('e1', 'Created'));
  await call('POST', events, event('e2', 'Deleted'));
  t.same(
    names(
      (
        await call(
          'GET',
          `${events}?fieldSelector=involvedObject.name=a,reason=Created,type=Normal,source=test`,
        )
      ).body,
    ),
    ['e1'],
  );
  await call('POST', '/api/v1/namespaces/default/secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    type: 'x/y',
  });
  t.same(names((await call('GET', '/api/v1/secrets?fieldSelector=type=x/y')).body), ['s']);
  t.equal((await call('GET', '/api/v1/namespaces?fieldSelector=status.phase=Active')).body.items.length, 3);
});

t.test('resourceVersion and its match say how old a list may be', async t => {
  const { call, store, clock } = await startLab(t);
  const { body: a } = await call('POST', CM, configMap('a'));
  await call('POST', CM, configMap('b'));
  const at = a.metadata.resourceVersion;
  t.same(names((await call('GET', `${CM}?resourceVersion=${at}&resourceVersionMatch=Exact`)).body), ['a']);
  t.same(names((await call('GET', `${CM}?resourceVersion=${at}&resourceVersionMatch=NotOlderThan`)).body), [
    'a',
    'b',
  ]);
  t.same(names((await call('GET', `${CM}?resourceVersion=0`)).body), ['a', 'b']);
  t.same(
    names((await call('GET', `${CM}?resourceVersion=${at}&limit=5`)).body),
    ['a'],
    'with a limit it means exactly',
  );
  refused(t, await call('GET', `${CM}?resourceVersionMatch=Exact`), 422, 'Invalid');
  refused(t, await call('GET', `${CM}?resourceVersion=0&resourceVersionMatch=Exact`), 422, 'Invalid');
  refused(t, await call('GET', `${CM}?resourceVersion=1&resourceVersionMatch=Near`), 422, 'Invalid');
  refused(t, await call('GET', `${CM}?resourceVersion=abc`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?continue=nonsense`), 400, 'BadRequest');
  const { body: part } = await call('GET', `${CM}?limit=1`);
  const token = part.metadata.continue;
  refused(t, await call('GET', `${CM}?continue=${token}&resourceVersion=5`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?continue=${token}&resourceVersionMatch=Exact`), 422, 'Invalid');
  const later = call('GET', `${CM}?resourceVersion=${store.revision + 1}&resourceVersionMatch=NotOlderThan`);
  await call('POST', CM, configMap('c'));
  t.same(names((await later).body), ['a', 'b', 'c'], 'a version to come is waited for');
  const never = call('GET', `${CM}?resourceVersion=${store.revision + 99}`);
  await clock.advance(3000);
  t.match(refused(t, await never, 504, 'Timeout'), {
    details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
  });
  await store.compact(store.revision);
  refused(t, await call('GET', `${CM}?resourceVersion=${at}&resourceVersionMatch=Exact`), 410, 'Expired');
  refused(t, await call('GET', `${CM}?continue=${token}`), 410, 'Expired');
});

t.test('lists are compressed above a size, for clients that take it', async t => {
  const { call } = await startLab(t, { limits: { gzipAboveBytes: 2000 } });
  for (let i = 0; i < 5; i++) await call('POST', CM, configMap(`c${i}`, { text: 'x'.repeat(500) }));
  t.equal((await call('GET', CM)).headers['content-encoding'], undefined);
  const zipped = await call('GET', CM, undefined, { headers: { 'accept-encoding': 'gzip, deflate' } });
  t.match(zipped.headers, { 'content-encoding': 'gzip', vary: 'accept-encoding' });
  const refusedGzip = await call('GET', CM, undefined, { headers: { 'accept-encoding': 'gzip;q=0' } });
  t.equal(refusedGzip.headers['content-encoding'], undefined);
  const small = await call('GET', `${CM}/c1`, undefined, { headers: { 'accept-encoding': 'gzip' } });
  t.equal(small.headers['content-encoding'], undefined);
});

t.test('without being told, answers over 128 KiB are compressed, and are the same', async t => {
  const { call, server, token, watch } = await startLab(t);
  const get = async (url: string, encoding = 'gzip') => {
    const headers = { authorization: `Bearer ${token}`, 'accept-encoding': encoding };
    const answer = await server.app.inject({ url, headers });
    return { isZipped: answer.headers['content-encoding'] === 'gzip', bytes: answer.rawPayload };
  };
  await call('POST', CM, configMap('c', { a: '' }));
  const empty = (await get(`${CM}/c`)).bytes.length;
  for (const [over, isZipped] of [
    [-100, false],
    [100, true],
  ] as const) {
    const data = { a: 'ü'.repeat((128 * 1024 - empty + over) / 2) };
    await call('PATCH', `${CM}/c`, { data }, { type: 'application/merge-patch+json' });
    const [asked, plain] = [await get(`${CM}/c`), await get(`${CM}/c`, 'identity')];
    t.equal(asked.isZipped, isZipped, `${plain.bytes.length} bytes`);
    t.notOk(plain.isZipped);
    t.ok((isZipped ? gunzipSync(asked.bytes) : asked.bytes).equals(plain.bytes));
  }
  const list = await get(CM);
  t.match(JSON.parse(gunzipSync(list.bytes).toString()), { items: [{ metadata: { name: 'c' } }] });
  const lines = await watch(`${CM}?watch=true`, { headers: { 'accept-encoding': 'gzip' } });
  t.match(await lines.next(), { type: 'ADDED' }, 'a watch goes as it is');
  lines.close();
});

t.test('metadata alone, YAML, and what is not to be had', async t => {
  const { call } = await startLab(t);
  await call('POST', CM, configMap('c', { a: '1' }));
  const as = (accept: string, path = CM) => call('GET', path, undefined, { headers: { accept } });
  const partial = await as('application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
  t.match(partial.body, {
    kind: 'PartialObjectMetadataList',
    items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'c' } }],
  });
  t.equal(partial.body.items[0].data, undefined);
  const one = await as('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', `${CM}/c`);
  t.match(one.body, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'c' } });
  const yaml = await as('application/yaml', `${CM}/c`);
  t.equal(yaml.headers['content-type'], 'application/yaml');
  t.match(yaml.text, /^apiVersion: v1\nkind: ConfigMap\n/);
  t.equal((await as('application/vnd.kubernetes.protobuf, application/json')).code, 200);
  refused(t, await as('application/vnd.kubernetes.protobuf'), 406, 'NotAcceptable');
  refused(t, await as('application/json;as=Table;g=meta.k8s.io;v=v2'), 406, 'NotAcceptable');
});

t.test('what is of a watch alone, or out of bounds, is refused', async t => {
  const { call } = await startLab(t);
  const { details } = refused(t, await call('GET', `${CM}?sendInitialEvents=true`), 422, 'Invalid');
  t.match(details?.causes, [{ field: 'sendInitialEvents' }]);
  for (const query of ['timeoutSeconds=x', 'timeoutSeconds=-1', 'limit=99999999999999999999', 'limit=1.5'])
    refused(t, await call('GET', `${CM}?${query}`), 400, 'BadRequest', query);
});

t.test('JSON is laid out for people: as `pretty` says, else for curl and browsers', async t => {
  const { call } = await startLab(t);
  await call('POST', CM, configMap('c'));
  const isLaidOut = async (query: string, agent?: string) => {
    const { text, body } = await call('GET', `${CM}/c${query}`, undefined, {
      headers: { 'user-agent': agent },
    });
    t.equal(body.metadata.name, 'c');
    return text.includes('\n  "metadata": {');
  };
  t.equal(await isLaidOut(''), false);
  t.equal(await isLaidOut('', 'kubectl/v1.32'), false);
  t.equal(await isLaidOut('', 'curl/8.5.0'), true);
  t.equal(await isLaidOut('', 'Mozilla/5.0 (X11; Linux x86_64)'), true);
  t.equal(await isLaidOut('?pretty=true'), true);
  t.equal(await isLaidOut('?pretty=false', 'curl/8.5.0'), false);
});
