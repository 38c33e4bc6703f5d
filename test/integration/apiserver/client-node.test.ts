import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import t from 'tap';
import { openTls } from '../../../controller/apiserver/tls.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { until } from '../../support/until.ts';
import { startLab } from './lab.ts';

const home = mkdtempSync(join(tmpdir(), 'nexus-client-node-'));
t.teardown(() => rmSync(home, { recursive: true, force: true }));
const tls = await openTls({ dir: home, clock: systemClock });
t.teardown(() => tls.close());
const { server, token } = await startLab(t, { tls, clock: systemClock });
const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
const config = new KubeConfig();
config.loadFromClusterAndUser(
  { name: 'nexus', server: url, caData: Buffer.from(tls.ca).toString('base64'), skipTLSVerify: false },
  { name: 'admin', token },
);
const workspaces = { group: 'nexus.dev', version: 'v1alpha1', namespace: 'default', plural: 'workspaces' };

t.test('typed and untyped calls', async t => {
  const core = config.makeApiClient(CoreV1Api);
  const made = await core.createNamespacedConfigMap({
    namespace: 'default',
    body: { metadata: { name: 'c' }, data: { a: '1' } },
  });
  t.ok(made.metadata?.creationTimestamp instanceof Date);
  const listed = await core.listNamespacedConfigMap({ namespace: 'default', limit: 1 });
  t.equal(listed.items[0]?.data?.a, '1');
  const missing = await core
    .readNamespacedSecret({ namespace: 'default', name: 'none' })
    .catch(error => error);
  t.ok(missing instanceof ApiException && missing.code === 404);
  const custom = config.makeApiClient(CustomObjectsApi);
  await custom.createNamespacedCustomObject({
    ...workspaces,
    body: { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name: 'w' }, spec: {} },
  });
  const got = (await custom.getNamespacedCustomObject({ ...workspaces, name: 'w' })) as { spec: object };
  t.match(got.spec, { running: true });
  const objects = KubernetesObjectApi.makeApiClient(config);
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l', namespace: 'default' },
    spec: { holderIdentity: 'me' },
  };
  await objects.create(lease);
  const leases = config.makeApiClient(CoordinationV1Api);
  t.equal((await leases.readNamespacedLease({ namespace: 'default', name: 'l' })).spec?.holderIdentity, 'me');
  await objects.delete(lease);
  await custom.deleteNamespacedCustomObject({ ...workspaces, name: 'w' });
});

t.test('a watch and an informer', async t => {
  const events: string[] = [];
  const controller = await new Watch(config).watch(
    '/apis/nexus.dev/v1alpha1/workspaces',
    { allowWatchBookmarks: true },
    (type, object) => events.push(`${type} ${object.metadata.name}`),
    () => {},
  );
  const core = config.makeApiClient(CoreV1Api);
  const informer = makeInformer<V1ConfigMap>(config, '/api/v1/namespaces/default/configmaps', () =>
    core.listNamespacedConfigMap({ namespace: 'default' }),
  );
  const cached: string[] = [];
  informer.on('add', object => cached.push(`add ${object.metadata?.name}`));
  informer.on('delete', object => cached.push(`delete ${object.metadata?.name}`));
  await informer.start();
  const custom = config.makeApiClient(CustomObjectsApi);
  await custom.createNamespacedCustomObject({
    ...workspaces,
    body: { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name: 'w2' }, spec: {} },
  });
  await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'c' });
  const both = () => events.includes('ADDED w2') && cached.includes('delete c');
  await until(both, { timeoutMs: 10_000, what: () => `events, got ${events} and ${cached}` });
  t.ok(cached.includes('add c'));
  controller.abort();
  await informer.stop();
});
