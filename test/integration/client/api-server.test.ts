import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node';
import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { httpsTransport } from '../../../controller/client/https-transport.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { addFinalizer, removeFinalizer } from '../../../controller/runtime/finalizers.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { patchStatusIfChanged } from '../../../controller/runtime/patch-status.ts';
import { CONFIG_MAP, NAMESPACE, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import type { ConfigMap, KubeObject } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { startApiLab } from '../../support/api-lab.ts';
import { until } from '../../support/until.ts';

const lab = await startApiLab();
t.teardown(() => lab.close());

const refused = (reason: string) => ({ name: 'ApiError', reason });
const configMap = (name: string, namespace: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const workspace = (name: string, namespace: string): Workspace => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace },
  spec: { running: true },
});

for (const [how, client] of Object.entries(lab.clients)) {
  const namespace = `team-${how}`;

  t.test(`${how}: objects are made, read, changed and deleted`, async t => {
    await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const made = await client.create(CONFIG_MAP, configMap('a', namespace, { x: '1' }));
    t.ok(made.metadata.uid);
    await t.rejects(client.create(CONFIG_MAP, configMap('a', namespace)), refused('AlreadyExists'));
    const key = { name: 'a', namespace };
    const changed = await client.update(CONFIG_MAP, { ...made, data: { x: '2' } });
    await t.rejects(client.update(CONFIG_MAP, { ...made, data: { x: '3' } }), refused('Conflict'));
    t.same((await client.get(CONFIG_MAP, key)).data, { x: '2' });
    const merged = await client.patch(CONFIG_MAP, key, 'merge', { data: { y: '1' } });
    t.same(merged.data, { x: '2', y: '1' });
    const patched = await client.patch(CONFIG_MAP, key, 'json', [{ op: 'remove', path: '/data/x' }]);
    t.same(patched.data, { y: '1' });
    t.not(patched.metadata.resourceVersion, changed.metadata.resourceVersion);
    const applied = await client.apply(CONFIG_MAP, configMap('a', namespace, { z: '1' }), {
      fieldManager: 'me',
    });
    t.same(applied.data, { y: '1', z: '1' });
    const dry = await client.patch(CONFIG_MAP, key, 'merge', { data: { no: 'x' } }, { dryRun: true });
    t.equal(dry.data?.no, 'x');
    t.equal((await client.get(CONFIG_MAP, key)).data?.no, undefined);
    await t.rejects(client.delete(CONFIG_MAP, key, { preconditions: { uid: 'other' } }), refused('Conflict'));
    await client.delete(CONFIG_MAP, key);
    await t.rejects(client.get(CONFIG_MAP, key), refused('NotFound'));
    await t.rejects(client.delete(CONFIG_MAP, key), refused('NotFound'));
  });

  t.test(`${how}: what a person got wrong is Invalid with its causes, or a warning`, async t => {
    const bad = { ...workspace('bad', namespace), spec: { running: 'yes' } } as unknown as Workspace;
    const error = await client.create(WORKSPACE, bad).catch(e => e);
    t.match(error, { reason: 'Invalid', details: { causes: [{ field: /spec\.running/ }] } });
    const odd = { ...workspace('odd', namespace), spec: { foo: 1 } } as unknown as Workspace;
    const heard: string[] = [];
    await client.create(WORKSPACE, odd, { fieldValidation: 'Warn', onWarning: text => heard.push(text) });
    t.match(heard.join(), /foo/);
    await client.delete(WORKSPACE, odd.metadata as { name: string; namespace: string });
  });

  t.test(`${how}: finalizers and status by the runtime’s helpers`, async t => {
    const made = await client.create(WORKSPACE, workspace('ws', namespace));
    const held = await addFinalizer(client, WORKSPACE, made, 'nexus.dev/test');
    t.same(held.metadata.finalizers, ['nexus.dev/test']);
    await t.rejects(addFinalizer(client, WORKSPACE, made, 'nexus.dev/other'), refused('Conflict'));
    const running = await patchStatusIfChanged(client, WORKSPACE, held, { phase: 'Running', nodeName: 'n1' });
    t.equal(running.status?.phase, 'Running');
    t.equal(running.metadata.generation, made.metadata.generation);
    await t.rejects(patchStatusIfChanged(client, WORKSPACE, held, { phase: 'Pending' }), refused('Conflict'));
    const left = await patchStatusIfChanged(client, WORKSPACE, running, { phase: 'Running' });
    t.equal(left.status?.nodeName, undefined);
    t.equal(await patchStatusIfChanged(client, WORKSPACE, left, { phase: 'Running' }), left);
    await client.delete(WORKSPACE, { name: 'ws', namespace });
    const deleting = await client.get(WORKSPACE, { name: 'ws', namespace });
    t.ok(deleting.metadata.deletionTimestamp);
    await removeFinalizer(client, WORKSPACE, deleting, 'nexus.dev/test');
    await t.rejects(client.get(WORKSPACE, { name: 'ws', namespace }), refused('NotFound'));
  });

  t.test(`${how}: lists in pages, by label and by field`, async t => {
    for (let i = 0; i < 5; i++) {
      const object = configMap(`page-${i}`, namespace);
      await client.create(CONFIG_MAP, {
        ...object,
        metadata: { ...object.metadata, labels: { odd: `${i % 2}` } },
      });
    }
    const first = await client.list(CONFIG_MAP, { namespace, limit: 3 });
    t.equal(first.items.length, 3);
    const rest = await client.list(CONFIG_MAP, { namespace, limit: 3, continue: first.metadata.continue });
    t.equal(rest.items.length, 2);
    t.notOk(rest.metadata.continue);
    const odd = await client.list(CONFIG_MAP, { namespace, labelSelector: 'odd in (1)' });
    t.equal(odd.items.length, 2);
    const one = await client.list(CONFIG_MAP, { namespace, fieldSelector: 'metadata.name=page-3' });
    t.match(one.items, [{ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'page-3' } }]);
  });

  t.test(`${how}: a watch tells every change in its order, until it is left`, async t => {
    const { metadata } = await client.list(SECRET, { namespace });
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      const query = { namespace, resourceVersion: metadata.resourceVersion, signal: stop.signal };
      for await (const { type, object } of client.watch(SECRET, query)) {
        seen.push(`${type} ${object.metadata.name}`);
        if (seen.length === 21) stop.abort();
      }
    })();
    for (let i = 0; i < 10; i++) {
      const key = { name: `s${i}`, namespace };
      await client.create(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: key });
      await client.delete(SECRET, key);
    }
    await client.create(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'last', namespace } });
    await watching;
    const expected = Array.from({ length: 10 }, (_, i) => [`ADDED s${i}`, `DELETED s${i}`]).flat();
    t.same(seen, [...expected, 'ADDED last']);
  });

  t.test(`${how}: a watch from before the kept history is Expired`, async t => {
    for (let i = 0; i < 3; i++)
      await client.patch(CONFIG_MAP, { name: 'page-0', namespace }, 'merge', { data: { n: `${i}` } });
    await lab.store.compact(lab.store.revision);
    await t.rejects(async () => {
      for await (const _ of client.watch(CONFIG_MAP, { resourceVersion: '1' })) t.fail('nothing may come');
    }, refused('Expired'));
  });

  t.test(`${how}: an informer is synced, follows, and survives compaction`, async t => {
    const stop = new AbortController();
    const informer = createInformer({
      client,
      resource: CONFIG_MAP,
      namespace,
      clock: systemClock,
      log: silentLogger,
      backoff: { baseMs: 5, maxMs: 20 },
      pageSize: 2,
      streamList: how === 'https',
    });
    const running = informer.run(stop.signal);
    await informer.synced;
    t.equal(informer.list().length, 5);
    for (const round of [1, 2]) {
      await client.create(CONFIG_MAP, configMap(`later-${round}`, namespace));
      await until(() => informer.get(`later-${round}`, namespace), {
        timeoutMs: 15_000,
        what: () => `later-${round} in the cache`,
      });
      await lab.store.compact(lab.store.revision);
    }
    await client.delete(CONFIG_MAP, { name: 'page-1', namespace });
    await until(() => !informer.get('page-1', namespace), { timeoutMs: 15_000, what: () => 'the delete' });
    stop.abort();
    await running;
  });
}

t.test('a wrong credential is Unauthorized', async t => {
  const client = createClient({ transport: httpsTransport({ server: lab.url, ca: lab.ca, token: 'wrong' }) });
  await t.rejects(client.list(WORKSPACE), refused('Unauthorized'));
  await client.close();
});

t.test('our client and @kubernetes/client-node see the same', async t => {
  const ours = lab.clients.https;
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'x', server: lab.url, caData: Buffer.from(lab.ca).toString('base64') }],
    users: [{ name: 'x', token: lab.token }],
    contexts: [{ name: 'x', cluster: 'x', user: 'x' }],
    currentContext: 'x',
  });
  const custom = config.makeApiClient(CustomObjectsApi);
  const core = config.makeApiClient(CoreV1Api);
  const at = { group: 'nexus.dev', version: 'v1alpha1', namespace: 'default', plural: 'workspaces' };

  const made = await custom.createNamespacedCustomObject({ ...at, body: workspace('theirs', 'default') });
  t.same(await ours.get(WORKSPACE, { name: 'theirs', namespace: 'default' }), made);
  const own = await ours.create(WORKSPACE, workspace('ours', 'default'));
  t.same(await custom.getNamespacedCustomObject({ ...at, name: 'ours' }), own);
  const [a, b] = [
    await ours.list(WORKSPACE, { namespace: 'default' }),
    await custom.listNamespacedCustomObject(at),
  ];
  t.same(a.items, b.items);
  t.same(a.metadata, b.metadata);

  const theirError = await custom.getNamespacedCustomObject({ ...at, name: 'none' }).catch(e => e);
  const ourError = await ours.get(WORKSPACE, { name: 'none', namespace: 'default' }).catch(e => e);
  t.equal(ourError.code, theirError.code);
  t.same(JSON.parse(theirError.body), ourError.toStatus());

  const { metadata } = await ours.list(CONFIG_MAP, { namespace: 'default' });
  const seen: { theirs: string[]; ours: string[] } = { theirs: [], ours: [] };
  const line = (type: string, object: KubeObject) =>
    `${type} ${object.metadata.name} ${object.metadata.resourceVersion}`;
  const theirs = await new Watch(config).watch(
    '/api/v1/namespaces/default/configmaps',
    { resourceVersion: metadata.resourceVersion },
    (type, object) => void seen.theirs.push(line(type, object)),
    () => {},
  );
  const stop = new AbortController();
  const watching = (async () => {
    const query = { namespace: 'default', resourceVersion: metadata.resourceVersion, signal: stop.signal };
    for await (const { type, object } of ours.watch(CONFIG_MAP, query)) seen.ours.push(line(type, object));
  })();
  await core.createNamespacedConfigMap({
    namespace: 'default',
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'w' }, data: { a: 'b' } },
  });
  await ours.patch(CONFIG_MAP, { name: 'w', namespace: 'default' }, 'merge', { data: { a: 'c' } });
  await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'w' });
  await until(() => seen.ours.length === 3 && seen.theirs.length === 3, {
    timeoutMs: 15_000,
    what: () => `three events: ${JSON.stringify(seen)}`,
  });
  t.same(seen.ours, seen.theirs);
  stop.abort();
  theirs.abort();
  await watching;
});
