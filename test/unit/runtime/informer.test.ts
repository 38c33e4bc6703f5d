import t, { type Test } from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { type Logger, silentLogger } from '../../../controller/kit/log.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { createInformer, type InformerOptions } from '../../../controller/runtime/informer.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const at = (name: string, namespace = 'default') =>
  `/apis/nexus.dev/v1alpha1/namespaces/${namespace}/workspaces/${name}`;
const never = new Promise<never>(() => {});
const unreachable = () => new ApiError('Unreachable', 'connect ECONNREFUSED');

function setup(t: Test, options: Partial<InformerOptions<Workspace>> = {}) {
  const api = new TinyApi();
  const clock = new FakeClock();
  const lines: string[] = [];
  const say = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Logger = { ...silentLogger, warn: say('warn'), error: say('error'), child: () => log };
  const client = createClient({ transport: api, clock });
  const informer = createInformer({ client, resource: WORKSPACE, clock, log, random: () => 0.5, ...options });
  const changes: string[] = [];
  informer.onChange(({ old, now }) => {
    changes.push(`${old ? (now ? '~' : '-') : '+'}${(now ?? old)?.metadata.name}`);
  });
  const stop = new AbortController();
  const start = async () => {
    const running = informer.run(stop.signal);
    t.teardown(async () => {
      stop.abort();
      await running;
    });
    await settle();
  };
  const names = () => informer.list().map(o => o.metadata.name);
  return { api, clock, informer, changes, stop, start, names, lines };
}

for (const streamsLists of [true, false]) {
  const how = streamsLists ? 'by streamed list' : 'by plain list';

  t.test(`${how}: what is there is in the cache once synced, and what changes follows`, async t => {
    const { api, informer, start, changes, names } = setup(t);
    api.streamsLists = streamsLists;
    api.put(at('one'), { metadata: { name: 'one', managedFields: [{ manager: 'x' }] } });
    await start();
    await informer.synced;
    t.same(names(), ['one']);
    t.equal(informer.get('one', 'default')?.metadata.managedFields, undefined);
    t.equal(informer.get('one'), undefined);
    api.put(at('two'), {});
    api.put(at('one'), { metadata: { name: 'one', labels: { a: 'b' } } });
    api.remove(at('two'));
    await settle();
    t.same(changes, ['+one', '+two', '~one', '-two']);
    t.same(names(), ['one']);
    const lists = api.requests.filter(r => !r.path.includes('watch='));
    t.equal(lists.length, streamsLists ? 0 : 1);
  });

  t.test(`${how}: what was deleted and made while nobody looked is seen`, async t => {
    const { api, clock, start, changes, names } = setup(t);
    api.streamsLists = streamsLists;
    api.put(at('stays'), {});
    api.put(at('goes'), {});
    api.put(at('again'), {});
    await start();
    changes.length = 0;
    api.fault = unreachable;
    api.cutWatches();
    await clock.advance(60_000);
    api.remove(at('goes'));
    api.remove(at('again'));
    api.put(at('again'), {});
    api.put(at('new'), {});
    api.compact();
    t.same(names(), ['stays', 'goes', 'again'], 'the cache is kept while the server is away');
    api.fault = undefined;
    await clock.advance(60_000);
    t.same(changes.sort(), ['+again', '+new', '-again', '-goes']);
    t.same(names().sort(), ['again', 'new', 'stays']);
  });
}

t.test('a server that was away for an hour is found again, with few attempts and few lines', async t => {
  const { api, clock, informer, start, names, lines } = setup(t);
  api.fault = unreachable;
  await start();
  for (let minute = 0; minute < 60; minute++) await clock.advance(60_000);
  t.ok(api.requests.length < 600, `${api.requests.length} attempts`);
  t.ok(lines.length < 15, `${lines.length} lines`);
  api.fault = undefined;
  api.put(at('one'), {});
  await clock.advance(15_000);
  await informer.synced;
  t.same(names(), ['one']);
});

t.test('a watch that broke off goes on where it was, without a new list', async t => {
  const { api, clock, start, changes } = setup(t);
  await start();
  const before = api.requests.length;
  api.cutWatches();
  api.put(at('one'), {});
  await clock.advance(1000);
  t.same(changes, ['+one']);
  const paths = api.requests.slice(before).map(r => r.path);
  t.equal(paths.length, 1);
  t.match(paths[0], /watch=true/);
  t.notMatch(paths[0], /sendInitialEvents/);
  t.match(paths[0], /resourceVersion=100/);
});

for (const bookmark of [true, false]) {
  const title = bookmark
    ? 'a bookmark moves the place from which a broken watch goes on'
    : 'a place that the server has forgotten means a new list';
  t.test(title, async t => {
    const { api, clock, start, changes } = setup(t);
    await start();
    api.put('/api/v1/namespaces/x/secrets/other', {});
    if (bookmark) api.bookmark();
    await settle();
    api.compact();
    const before = api.requests.length;
    api.cutWatches();
    api.put(at('one'), {});
    await clock.advance(1000);
    const listed = api.requests.slice(before).some(r => r.path.includes('sendInitialEvents'));
    t.equal(listed, !bookmark);
    t.same(changes, ['+one']);
  });
}

t.test('a streamed list that goes on as a watch is not taken for dead when nothing happens', async t => {
  const { api, clock, informer, start } = setup(t);
  api.put(at('one'), {});
  await start();
  await informer.synced;
  const before = api.requests.length;
  await clock.advance(149_000);
  t.equal(api.requests.length, before);
  await clock.advance(5_000);
  t.equal(api.requests.length, before + 1, 'after its time it is');
});

t.test('a watch that is silent for too long is taken for dead', async t => {
  const { api, clock, start, changes } = setup(t, { silenceMs: 60_000 });
  await start();
  const before = api.requests.length;
  api.fault = ({ url }) => (url.searchParams.get('watch') ? never : undefined);
  api.cutWatches();
  await clock.advance(1000);
  t.equal(api.requests.length, before + 1, 'the new watch hangs');
  await clock.advance(58_000);
  t.equal(api.requests.length, before + 1);
  api.fault = undefined;
  api.put(at('one'), {});
  await clock.advance(3000);
  t.same(changes, ['+one']);
});

t.test(
  'a server that knows nothing of streamed lists, and does not say so, is asked for a plain one',
  async t => {
    const { api, clock, informer, start } = setup(t);
    api.fault = ({ url }) => (url.searchParams.has('sendInitialEvents') ? never : undefined);
    api.put(at('one'), {});
    await start();
    await clock.advance(30_000);
    await informer.synced;
    t.equal(informer.list().length, 1);
  },
);

t.test('a list comes in pages of one state', async t => {
  const { api, informer, start } = setup(t, { streamList: false, pageSize: 2 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(at(name), {});
  await start();
  await informer.synced;
  t.equal(informer.list().length, 5);
  const lists = api.requests.filter(r => !r.path.includes('watch='));
  t.equal(lists.length, 3);
});

t.test('a page token that expired starts the list again, in one piece', async t => {
  const { api, informer, start } = setup(t, { streamList: false, pageSize: 2 });
  for (const name of ['a', 'b', 'c']) api.put(at(name), {});
  api.fault = ({ url }) =>
    url.searchParams.has('continue') ? new ApiError('Expired', 'the token is too old') : undefined;
  await start();
  await informer.synced;
  t.equal(informer.list().length, 3);
});

t.test('a version from the future (a server that lost its data) is answered with a new list', async t => {
  const { api, clock, start, names } = setup(t);
  api.put(at('old'), {});
  await start();
  const path = at('old');
  api.fault = ({ url }) =>
    url.searchParams.has('resourceVersion')
      ? new ApiError('Timeout', 'too large resource version')
      : undefined;
  api.remove(path);
  api.cutWatches();
  api.put(at('other'), {});
  await clock.advance(5000);
  t.same(names(), ['other']);
});

t.test('a server that asks for patience gets it', async t => {
  const { api, clock, start } = setup(t);
  await start();
  const before = api.requests.length;
  api.fault = () => new ApiError('TooManyRequests', 'slow down', { retryAfterSeconds: 20 });
  api.cutWatches();
  await clock.advance(1000);
  t.equal(api.requests.length, before + 1);
  await clock.advance(18_000);
  t.equal(api.requests.length, before + 1);
  await clock.advance(3000);
  t.equal(api.requests.length, before + 2);
});

t.test('a server that ends every watch at once is not asked in a hot loop', async t => {
  const { api, clock, start } = setup(t);
  await start();
  const end = new ApiError('ServiceUnavailable', 'not now');
  api.fault = () => end;
  api.cutWatches();
  const before = api.requests.length;
  await clock.advance(60_000);
  t.ok(api.requests.length - before < 20, `${api.requests.length - before} attempts in a minute`);
});

t.test('a resync calls for every object although nothing changed', async t => {
  const { api, clock, start, changes } = setup(t, { resyncMs: 30_000 });
  api.put(at('one'), {});
  await start();
  await clock.advance(60_000);
  t.same(changes, ['+one', '~one', '~one']);
});

t.test('a handler that throws disturbs neither the others nor the cache', async t => {
  const { api, informer, start, changes, names, lines } = setup(t);
  informer.onChange(() => {
    throw new Error('bug');
  });
  const late: string[] = [];
  const off = informer.onChange(({ now }) => late.push(String(now?.metadata.name)));
  await start();
  api.put(at('one'), {});
  await settle();
  off();
  api.put(at('two'), {});
  await settle();
  t.same(changes, ['+one', '+two']);
  t.same(late, ['one']);
  t.same(names(), ['one', 'two']);
  t.ok(lines.includes('error a handler of changes failed'));
});

t.test('indexes and namespaces find their objects through every change', async t => {
  const { api, informer, start } = setup(t);
  const byNode = (o: Workspace) => (o.metadata.labels?.node ? [o.metadata.labels.node] : []);
  informer.addIndex('node', byNode);
  informer.addIndex('node', byNode);
  t.throws(() => informer.addIndex('node', () => []));
  t.throws(() => informer.byIndex('other', 'x'));
  api.put(at('a', 'one'), { metadata: { name: 'a', labels: { node: 'n1' } } });
  api.put(at('b', 'two'), { metadata: { name: 'b', labels: { node: 'n1' } } });
  await start();
  const found = (node: string) => informer.byIndex('node', node).map(o => o.metadata.name);
  t.same(found('n1'), ['a', 'b']);
  t.same(
    informer.list({ namespace: 'two' }).map(o => o.metadata.name),
    ['b'],
  );
  api.put(at('a', 'one'), { metadata: { name: 'a', labels: { node: 'n2' } } });
  api.remove(at('b', 'two'));
  await settle();
  t.same(found('n1'), []);
  t.same(found('n2'), ['a']);
  t.same(informer.list({ namespace: 'two' }), []);
  informer.addIndex('late', o => [o.metadata.name]);
  t.equal(informer.byIndex('late', 'a').length, 1);
});

t.test('selectors and namespace go to the server', async t => {
  const { api, start } = setup(t, {
    namespace: 'ns',
    labelSelector: 'a=b',
    fieldSelector: 'metadata.name=x',
  });
  api.streamsLists = false;
  await start();
  for (const { path } of api.requests) {
    t.match(path, '/namespaces/ns/workspaces');
    t.match(path, 'labelSelector=a%3Db');
    t.match(path, 'fieldSelector=metadata.name%3Dx');
  }
});

t.test('a stop ends it at once, in every state', async t => {
  for (const fault of [undefined, () => never, unreachable]) {
    const { api, informer, clock } = setup(t);
    api.fault = fault;
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    await settle();
    await t.rejects(informer.run(stop.signal), 'it runs once only');
    stop.abort();
    await running;
    t.equal(clock.pending, 0, 'no timer is left');
    t.equal(api.watching, 0, 'no watch is left');
  }
});

t.test('metrics tell objects, events and failures', async t => {
  const metrics = new Metrics();
  const { api, clock, start } = setup(t, { metrics });
  api.fault = unreachable;
  await start();
  api.fault = undefined;
  await clock.advance(5000);
  api.put(at('one'), {});
  await settle();
  const text = await metrics.text();
  t.match(text, 'nexus_informer_objects{resource="workspaces"} 1');
  t.match(text, 'nexus_informer_events_total{resource="workspaces",type="ADDED"} 1');
  t.match(text, 'nexus_informer_failures_total{resource="workspaces",reason="Unreachable"} 1');
});
