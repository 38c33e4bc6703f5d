import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { settle } from '../../support/fake-clock.ts';
import { type Any, CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const MERGE = { type: 'application/merge-patch+json' };
const seen = (events: Any[]) =>
  events.map(event => `${event.type} ${event.object.metadata?.name ?? ''}`.trim());

t.test('a watch tells what happens after its version, in order, each once', async t => {
  const { call, watch } = await startLab(t);
  const { body: a } = await call('POST', CM, configMap('a'));
  await call('POST', CM, configMap('b'));
  const watching = await watch(`${CM}?watch=true&resourceVersion=${a.metadata.resourceVersion}`);
  await call('PATCH', `${CM}/a`, { data: { x: '1' } }, MERGE);
  const { body: last } = await call('DELETE', `${CM}/b`);
  const events = [await watching.next(), await watching.next(), await watching.next()];
  t.same(seen(events), ['ADDED b', 'MODIFIED a', 'DELETED b']);
  t.equal(events[2].object.metadata.uid, last.details.uid);
  const versions = events.map(event => Number(event.object.metadata.resourceVersion));
  t.same(
    versions,
    [...versions].sort((x, y) => x - y),
  );
  t.ok(versions[2]! > versions[1]!, 'a deletion has a version of its own');
});

t.test('without a version, or with 0, a watch begins with what there is', async t => {
  const { call, watch } = await startLab(t);
  await call('POST', CM, configMap('a'));
  for (const query of ['watch=1', 'watch=true&resourceVersion=0', 'watch=true&resourceVersion=']) {
    const watching = await watch(`${CM}?${query}`);
    t.same(seen([await watching.next()]), ['ADDED a'], query);
    watching.close();
  }
  const one = await watch(`${CM}/a?watch=true`);
  await call('POST', CM, configMap('b'));
  await call('PATCH', `${CM}/a`, { data: { x: '1' } }, MERGE);
  t.same(
    seen([await one.next(), await one.next()]),
    ['ADDED a', 'MODIFIED a'],
    'one object’s path watches it alone',
  );
});

t.test('sendInitialEvents ends what there is with a bookmark', async t => {
  const { call, watch } = await startLab(t);
  const { body: a } = await call('POST', CM, configMap('a'));
  const good = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const watching = await watch(`${CM}?${good}`);
  t.same(seen([await watching.next()]), ['ADDED a']);
  const bookmark = await watching.next();
  t.match(bookmark, {
    type: 'BOOKMARK',
    object: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
    },
  });
  t.ok(Number(bookmark.object.metadata.resourceVersion) >= Number(a.metadata.resourceVersion));
  await call('POST', CM, configMap('b'));
  t.same(seen([await watching.next()]), ['ADDED b']);
  const none = await watch(`${CM}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
  await call('POST', CM, configMap('c'));
  t.same(seen([await none.next()]), ['ADDED c']);
  refused(t, await call('GET', `${CM}?watch=true&sendInitialEvents=true`), 422, 'Invalid');
  refused(
    t,
    await call('GET', `${CM}?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact`),
    422,
    'Invalid',
  );
  refused(t, await call('GET', `${CM}?watch=true&resourceVersionMatch=NotOlderThan`), 422, 'Invalid');
  refused(t, await call('GET', `${CM}?watch=true&timeoutSeconds=soon`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?watch=true&resourceVersion=x`), 400, 'BadRequest');
  refused(t, await call('GET', `${CM}?watch=true&fieldSelector=spec.x=1`), 400, 'BadRequest');
});

t.test('an object that begins to match is ADDED, one that ceases to is DELETED', async t => {
  const { call, watch } = await startLab(t);
  const watching = await watch(`${CM}?watch=true&labelSelector=on=yes&resourceVersion=1`);
  const label = (on: string | null) => call('PATCH', `${CM}/a`, { metadata: { labels: { on } } }, MERGE);
  await call('POST', CM, configMap('a'));
  await label('yes');
  await call('PATCH', `${CM}/a`, { data: { x: '1' } }, MERGE);
  const { body: left } = await label(null);
  await label('yes');
  await call('DELETE', `${CM}/a`);
  const events = [];
  for (let i = 0; i < 5; i++) events.push(await watching.next());
  t.same(seen(events), ['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a']);
  t.equal(events[2].object.metadata.labels.on, 'yes', 'as it was when it last matched');
  t.equal(events[2].object.metadata.resourceVersion, left.metadata.resourceVersion);
  await call('POST', WS, workspace('w'));
  const field = await watch(
    '/apis/nexus.dev/v1alpha1/workspaces?watch=true&fieldSelector=status.phase=Running',
  );
  await call('PATCH', `${WS}/w/status`, { status: { phase: 'Running' } }, MERGE);
  await call('PATCH', `${WS}/w/status`, { status: { phase: 'Failed' } }, MERGE);
  t.same(seen([await field.next(), await field.next()]), ['ADDED w', 'DELETED w']);
});

t.test('a version that is too old ends the watch with 410 in the stream', async t => {
  const { call, watch, store } = await startLab(t);
  await call('POST', CM, configMap('a'));
  await call('POST', CM, configMap('b'));
  await store.compact(store.revision);
  const watching = await watch(`${CM}?watch=true&resourceVersion=2`);
  t.equal(watching.code, 200);
  t.match(await watching.rest(), [
    {
      type: 'ERROR',
      object: { kind: 'Status', code: 410, reason: 'Expired', message: /^too old resource version: 2/ },
    },
  ]);
});

t.test('bookmarks say how far a watch has come, and a watch ends in time', async t => {
  const { call, watch, clock, store } = await startLab(t);
  const watching = await watch(
    `${CM}?watch=true&allowWatchBookmarks=true&timeoutSeconds=150&resourceVersion=1`,
  );
  await call('POST', WS, workspace('elsewhere'));
  const at = store.revision;
  await clock.advance(60_000);
  t.match(await watching.next(), { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(at) } } });
  await clock.advance(60_000);
  await call('POST', CM, configMap('a'));
  const rest = watching.rest();
  await settle();
  await clock.advance(30_000);
  t.same(seen(await rest), ['ADDED a', 'BOOKMARK'], 'none is repeated, one comes at the end');
  const plain = await watch(`${CM}?watch=true&timeoutSeconds=1&resourceVersion=${store.revision}`);
  await clock.advance(1000);
  t.same(await plain.rest(), []);
  const unset = await watch(`${CM}?watch=true&resourceVersion=${store.revision}`);
  await clock.advance(1_799_000);
  await call('POST', CM, configMap('b'));
  t.same(seen([await unset.next()]), ['ADDED b'], 'half an hour at least');
  await clock.advance(1_801_000);
  t.same(await unset.rest(), [], 'an hour at most');
});

t.test(
  'while much is written elsewhere a bookmark comes sooner, so that whoever comes back need not list',
  async t => {
    const { watch, clock, store } = await startLab(t);
    const watching = await watch(`${CM}?watch=true&allowWatchBookmarks=true&resourceVersion=1`);
    await clock.advance(10_000);
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } };
    const write = (count: number) =>
      Promise.all(
        Array.from({ length: count }, () => store.create(`elsewhere/${store.revision}-${written++}`, object)),
      );
    let written = 0;
    await write(3000);
    await clock.advance(10_000);
    await write(3000);
    const at = store.revision;
    await clock.advance(10_000);
    await write(10);
    const later = store.revision;
    await clock.advance(60_000);
    const versions = [await watching.next(), await watching.next()].map(({ type, object }) => [
      type,
      object.metadata.resourceVersion,
    ]);
    t.same(versions, [
      ['BOOKMARK', String(at)],
      ['BOOKMARK', String(later)],
    ]);
  },
);

t.test('tables and bare metadata, one a row; columns come once', async t => {
  const { call, watch } = await startLab(t);
  await call('POST', WS, workspace('a'));
  const table = await watch(`${WS}?watch=true`, {
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
  });
  const first = await table.next();
  t.match(first, {
    type: 'ADDED',
    object: { kind: 'Table', rows: [{ cells: ['a'], object: { kind: 'PartialObjectMetadata' } }] },
  });
  t.equal(first.object.columnDefinitions[0].name, 'Name');
  await call('POST', WS, workspace('b'));
  t.equal((await table.next()).object.columnDefinitions, null);
  const partial = await watch(`${WS}?watch=true`, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  });
  t.match(await partial.next(), {
    type: 'ADDED',
    object: { kind: 'PartialObjectMetadata', spec: undefined },
  });
});

t.test('watches are bounded in number, counted, and end when the server stops', async t => {
  const { call, watch, server, metrics } = await startLab(t, { limits: { watches: 2 } });
  const one = await watch(`${CM}?watch=true`);
  const two = await watch(`${CM}?watch=true`);
  const three = await call('GET', `${CM}?watch=true`);
  refused(t, three, 429, 'TooManyRequests');
  t.equal(three.headers['retry-after'], '1');
  two.close();
  await settle(20);
  const again = await watch(`${CM}?watch=true`);
  t.equal(again.code, 200, 'an ended watch makes room');
  t.match(await metrics.text(), /apiserver_longrunning_requests\{group="",resource="configmaps"\} 2/);
  await server.close();
  t.same([await one.rest(), await again.rest()], [[], []]);
});

t.test('agents, reconcilers and users take no watch from each other', async t => {
  const { server, watch, call } = await startLab(t, { limits: { watches: 1 } });
  const as = async (user: string, ...groups: string[]) => {
    const { token } = await server.tokens.create({ user, groups: ['system:masters', ...groups] });
    return { headers: { authorization: `Bearer ${token}` } };
  };
  const node = await as('nexus:node:n1', 'nexus:nodes');
  t.equal((await watch(`${CM}?watch=true`, node)).code, 200);
  refused(t, await call('GET', `${CM}?watch=true`, undefined, node), 429, 'TooManyRequests');
  t.equal((await watch(`${CM}?watch=true`, await as('nexus:controller'))).code, 200);
  t.equal((await watch(`${CM}?watch=true`)).code, 200);
});

t.test('a watcher that does not read is cut off, and nobody waits for it', async t => {
  for (const [why, options] of Object.entries({
    'after a while': { limits: { watchBufferBytes: 64 * 1024, watchStallMs: 1000 } },
    'when too much waits': { limits: { watchBufferBytes: 64 * 1024 }, storeOptions: { watchBuffer: 3 } },
  })) {
    const { call, server, metrics, clock, token } = await startLab(t, options);
    const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `GET ${CM}?watch=true&resourceVersion=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    await once(socket, 'readable');
    // Never read: the kernel's buffers fill up, then the server's own.
    for (let i = 0; i < 30; i++) await call('POST', CM, configMap(`c${i}`, { text: 'x'.repeat(600_000) }));
    await clock.advance(why === 'after a while' ? 1000 : 10_000);
    t.match(
      await metrics.text(),
      /apiserver_terminated_watchers_total\{group="",resource="configmaps"\} 1/,
      why,
    );
    socket.destroy();
  }
});
