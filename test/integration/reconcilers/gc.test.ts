import t from 'tap';
import {
  CONFIG_MAP,
  CRD,
  EVENT,
  NAMESPACE,
  NODE,
  type Resource,
  SERVICE_ACCOUNT,
} from '../../../crds/kinds.ts';
import type { ConfigMap, Event, KubeObject, ObjectMeta, OwnerReference } from '../../../crds/object.ts';
import { World } from './world.ts';

const WIDGET: Resource = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};

const configMap = (name: string, metadata: Partial<ObjectMeta> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...metadata },
});
const owner = (
  { apiVersion, kind, metadata }: KubeObject,
  extra: Partial<OwnerReference> = {},
): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid ?? '',
  ...extra,
});
const key = (name: string) => ({ name, namespace: 'default' });

async function setUp(options: Parameters<typeof World.start>[0] = {}) {
  const world = await World.start(options);
  const make = (name: string, metadata?: Partial<ObjectMeta>) =>
    world.client.create(CONFIG_MAP, configMap(name, metadata));
  const find = (name: string) => world.find(CONFIG_MAP, key(name));
  const gone = (name: string) =>
    world.eventually(
      async () => !(await find(name)),
      () => `${name} is left`,
    );
  return { world, make, find, gone };
}

t.test('what is owned goes with its last owner, through every generation', async t => {
  const { world, make, find, gone } = await setUp();
  t.teardown(() => world.close());
  const a = await make('a');
  const b = await make('b');
  await make('of-a', { ownerReferences: [owner(a)] });
  const both = await make('of-both', { ownerReferences: [owner(a), owner(b)] });
  await make('of-of-a', { ownerReferences: [owner((await find('of-a'))!)] });
  await world.client.delete(CONFIG_MAP, key('a'));
  for (const name of ['of-a', 'of-of-a']) await gone(name);
  await world.eventually(async () => (await find('of-both'))?.metadata.ownerReferences?.length === 1);
  t.equal((await find('of-both'))?.metadata.uid, both.metadata.uid, 'it has an owner yet');
  await world.client.delete(CONFIG_MAP, key('b'));
  await gone('of-both');
});

t.test('an owner counts by its uid: a namesake is none', async t => {
  const { world, make, gone } = await setUp();
  t.teardown(() => world.close());
  const first = await make('a');
  await world.client.delete(CONFIG_MAP, key('a'));
  await make('a');
  await make('late', { ownerReferences: [owner(first)] });
  await gone('late');
});

t.test(
  'an owner in another namespace is absent; one in cluster scope counts; an unknown kind keeps',
  async t => {
    const { world, make, find, gone } = await setUp();
    t.teardown(() => world.close());
    const namespace = await world.client.create(NAMESPACE, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'other' },
    });
    const elsewhere = await world.client.create(CONFIG_MAP, configMap('x', { namespace: 'other' }));
    await make('of-namespace', { ownerReferences: [owner(namespace)] });
    await make('of-unknown', {
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: 'u' }],
    });
    const node: KubeObject = { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name: 'n9' } };
    await world.client.create(NODE as Resource, {
      ...node,
      metadata: { name: 'n9', ownerReferences: [owner(elsewhere)] },
    });
    await make('of-elsewhere', { ownerReferences: [owner(elsewhere)] });
    await gone('of-elsewhere');
    await world.settled(300);
    t.ok(await find('of-namespace'));
    t.ok(await find('of-unknown'));
    t.ok(await world.find(NODE, { name: 'n9' }), 'cluster scope may not name what is in a namespace');
    await world.client.delete(NAMESPACE, { name: 'other' });
    await gone('of-namespace');
  },
);

t.test('an orphaning delete leaves what was owned, without the owner', async t => {
  const { world, make, find, gone } = await setUp();
  t.teardown(() => world.close());
  const a = await make('a');
  await make('of-a', { ownerReferences: [owner(a)] });
  await world.client.delete(CONFIG_MAP, key('a'), { propagationPolicy: 'Orphan' });
  await gone('a');
  t.same((await find('of-a'))?.metadata.ownerReferences ?? [], []);
});

t.test('a foreground delete waits for what blocks it', async t => {
  const { world, make, find, gone } = await setUp();
  t.teardown(() => world.close());
  const a = await make('a');
  await make('held', {
    ownerReferences: [owner(a, { blockOwnerDeletion: true })],
    finalizers: ['test/hold'],
  });
  await make('free', { ownerReferences: [owner(a)] });
  await world.client.delete(CONFIG_MAP, key('a'), { propagationPolicy: 'Foreground' });
  await gone('free');
  await world.eventually(async () => (await find('held'))?.metadata.deletionTimestamp);
  t.ok((await find('a'))?.metadata.finalizers?.includes('foregroundDeletion'), 'it waits');
  await world.client.create(NAMESPACE, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'foreign' },
  });
  await world.client.create(CONFIG_MAP, {
    ...configMap('blocks'),
    metadata: {
      name: 'blocks',
      namespace: 'foreign',
      ownerReferences: [owner(a, { blockOwnerDeletion: true })],
      finalizers: ['test/hold'],
    },
  });
  await world.client.patch(CONFIG_MAP, key('held'), 'merge', { metadata: { finalizers: null } });
  await gone('a');
  await gone('held');
  await world.client.patch(CONFIG_MAP, { name: 'blocks', namespace: 'foreign' }, 'merge', {
    metadata: { finalizers: null },
  });
});

t.test('what became ownerless while no controller ran is collected when one does', async t => {
  const { world, make, gone } = await setUp({ withoutController: true });
  t.teardown(() => world.close());
  const a = await make('a');
  await make('of-a', { ownerReferences: [owner(a)] });
  await world.client.delete(CONFIG_MAP, key('a'));
  await world.startController();
  await gone('of-a');
});

t.test('kinds that are added while running are collected, and emptied with their namespace', async t => {
  const { world, make, gone } = await setUp();
  t.teardown(() => world.close());
  await world.settled(300);
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
  await world.client.create(CRD, definition);
  const widget = (name: string, namespace: string): KubeObject => ({
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name, namespace },
  });
  const made = await world.eventually(() =>
    world.client.create(WIDGET, widget('w', 'default')).catch(() => undefined),
  );
  await make('of-widget', { ownerReferences: [owner(made)] });
  await world.client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  await world.client.create(WIDGET, widget('v', 'team'));
  await world.client.delete(WIDGET, key('w'));
  await gone('of-widget');
  await world.client.delete(NAMESPACE, { name: 'team' });
  await world.eventually(
    async () => !(await world.find(NAMESPACE, { name: 'team' })),
    () => 'team is left',
  );

  await world.client.delete(CRD, { name: 'widgets.example.com' });
  await world.client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'last' } });
  await world.client.delete(NAMESPACE, { name: 'last' });
  await world.eventually(
    async () => !(await world.find(NAMESPACE, { name: 'last' })),
    () => 'last is left',
  );
});

t.test('every namespace has a service account of its own, which comes back and holds nothing up', async t => {
  const { world } = await setUp();
  t.teardown(() => world.close());
  const account = (namespace: string) => world.find(SERVICE_ACCOUNT, { name: 'default', namespace });
  const comes = async (namespace: string, but?: string) =>
    world.eventually(
      async () => {
        const found = await account(namespace);
        return found?.metadata.uid !== but && found;
      },
      () => `no account in ${namespace}`,
    );
  const first = await comes('default');
  await world.client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  await comes('team');
  await world.client.delete(SERVICE_ACCOUNT, key('default'));
  const second = await comes('default', first.metadata.uid);
  t.not(second.metadata.uid, first.metadata.uid, 'it is another one, so that tokens of the former end');
  const count = await world.settled(300);
  await world.client.patch(SERVICE_ACCOUNT, key('default'), 'merge', { metadata: { labels: { a: 'b' } } });
  t.equal(await world.settled(300), count, 'what is there is left alone');
  await world.client.delete(NAMESPACE, { name: 'team' });
  await world.eventually(async () => !(await world.find(NAMESPACE, { name: 'team' })));
  t.equal(await account('team'), undefined);
});

t.test('Events end with their time to live, however many', async t => {
  const { world } = await setUp({ eventTtlMs: 700 });
  t.teardown(() => world.close());
  const event = (i: number): Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `e${i}`, namespace: 'default' },
    involvedObject: { kind: 'ConfigMap', name: 'x', namespace: 'default' },
    reason: 'Test',
    type: 'Normal',
    lastTimestamp: '2026-01-01T00:00:00Z',
  });
  for (let i = 0; i < 250; i++) await world.client.create(EVENT, event(i));
  await world.eventually(
    async () => (await world.events('Test')).length === 0,
    () => 'Events are left',
  );
});

t.test('what an agent says of a placement is told of its workspace, once', async t => {
  const { world } = await setUp();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('w');
  const workspace = await world.phase('w', 'Running');
  await world.addAgent('n2');
  const said: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'w.default.1', namespace: 'nexus-node-n1' },
    involvedObject: {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Placement',
      name: 'w.default',
      namespace: 'nexus-node-n1',
    },
    reason: 'ContainerDied',
    message: 'The container ended.',
    type: 'Warning',
    count: 1,
    firstTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    lastTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    source: { component: 'nexus-agent', host: 'n1' },
  };
  const source = await world.client.create(EVENT, said);
  const told = await world.eventually(async () => (await world.events('ContainerDied'))[0]);
  t.match(told, {
    involvedObject: { kind: 'Workspace', name: 'w', namespace: 'default', uid: workspace.metadata.uid },
    message: 'The container ended.',
    type: 'Warning',
    source: { component: 'nexus-agent' },
  });
  await world.client.update(EVENT, { ...source, count: 7 });
  await world.eventually(async () => (await world.events('ContainerDied'))[0]?.count === 7);
  const count = await world.settled();
  await world.stopController();
  await world.startController();
  t.equal(await world.settled(), count, 'telling it again writes nothing');
  t.equal((await world.events('ContainerDied')).length, 1);

  const stranger = { ...said, metadata: { name: 'other', namespace: 'nexus-node-n1' }, reason: 'Adopted' };
  await world.client.create(EVENT, {
    ...stranger,
    involvedObject: { ...said.involvedObject, name: 'ghost.default' },
  });
  await world.client.create(EVENT, {
    ...stranger,
    metadata: { name: 'forged', namespace: 'nexus-node-n2' },
    involvedObject: { ...said.involvedObject, namespace: 'nexus-node-n2' },
  });
  await world.client.create(EVENT, {
    ...stranger,
    metadata: { name: 'old', namespace: 'nexus-node-n1' },
    lastTimestamp: '2020-01-01T00:00:00Z',
  });
  await world.settled(500);
  t.same(
    await world.events('Adopted'),
    [],
    'neither of nobody, nor of long ago, nor by a node that has no part in it',
  );
});
