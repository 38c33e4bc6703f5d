import t from 'tap';
import { isTrue } from '../../../controller/runtime/conditions.ts';
import { NAMESPACE, NODE, PLACEMENT, RESOURCE_QUOTA, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import type { Condition, Secret } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { World } from './world.ts';

const reasonOf = ({ status }: Workspace, type: string) =>
  status?.conditions?.find(c => c.type === type)?.reason;
const secretOf = (name: string, data: Record<string, string>): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  stringData: data,
});

t.test('a workspace is made, runs, stops, starts and goes, and leaves nothing', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  await world.apply('shop', { services: [{ name: 'web', command: 'x', port: 3000 }] });
  const running = await world.phase('shop', 'Running');
  t.match(running.status, {
    nodeName: 'n1',
    servicesReady: '1/1',
    ssh: { host: 'n1.test', port: 2222, user: 'dev', endpoint: 'n1.test:2222' },
    services: [{ name: 'web', hostPort: 23000, url: 'http://127.0.0.1:23000' }],
  });
  t.ok(isTrue(running.status?.conditions as Condition[], 'Ready', running.metadata.generation));
  const hostKey = await world.find(SECRET, { name: 'shop-ssh-host-key', namespace: 'default' });
  t.equal(
    agent.containers.get('shop.default')?.secret.ssh_host_ed25519_key,
    hostKey?.data?.ssh_host_ed25519_key,
  );
  t.match(running.status?.ssh?.hostKeys, [/^ssh-ed25519 /]);

  await world.patch('shop', { spec: { running: false } });
  const stopped = await world.phase('shop', 'Stopped');
  t.equal(stopped.status?.ssh?.port, 2222, 'its port is kept');
  t.equal(agent.containers.get('shop.default')?.running, false);
  await world.patch('shop', { spec: { running: true } });
  const again = await world.phase('shop', 'Running');
  t.same(again.status?.ssh, running.status?.ssh);

  await world.client.delete(WORKSPACE, { name: 'shop', namespace: 'default' });
  await world.gone('shop');
  t.same(await world.placements(), []);
  t.equal(agent.containers.size, 0);
  for (const key of [
    { name: 'shop-ssh-host-key', namespace: 'default' },
    { name: 'shop.default', namespace: 'nexus-node-n1' },
  ])
    await world.eventually(
      async () => !(await world.find(SECRET, key)),
      () => `${key.name} is left`,
    );
  for (const reason of ['Scheduled', 'Ready', 'Stopped'])
    await world.eventually(
      async () => (await world.events(reason)).length > 0,
      () => `no Event ${reason}`,
    );
});

t.test('secrets reach the placement, are rotated, and are asked for when they are missing', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'app', key: 'token' } } }];
  await world.apply('w', { env });
  const waiting = await world.until('w', workspace => reasonOf(workspace, 'Scheduled') === 'SecretNotFound');
  t.equal(waiting.status?.phase, 'Pending');
  t.match(waiting.status?.message, /Secret app.*Create it/);
  const held = () =>
    Buffer.from(agent.containers.get('w.default')?.secret['env.0'] ?? '', 'base64').toString();

  await world.client.create(SECRET, secretOf('app', { token: 'one' }));
  await world.phase('w', 'Running');
  t.equal(held(), 'one');
  await world.client.patch(SECRET, { name: 'app', namespace: 'default' }, 'merge', {
    stringData: { token: 'two' },
  });
  await world.eventually(() => held() === 'two');

  await world.client.delete(SECRET, { name: 'app', namespace: 'default' });
  const lost = await world.until('w', workspace => reasonOf(workspace, 'Scheduled') === 'SecretNotFound');
  t.equal(lost.status?.phase, 'Degraded', 'it runs on with what it has');
  await world.patch('w', { spec: { running: false } });
  await world.phase('w', 'Stopped');
  t.equal(held(), 'two');
});

t.test('a copy of a secret that somebody removed or changed is put back', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('w');
  await world.phase('w', 'Running');
  const key = { name: 'w.default', namespace: 'nexus-node-n1' };
  const before = (await world.find(SECRET, key))?.data;
  await world.client.delete(SECRET, key);
  await world.eventually(() => world.find(SECRET, key));
  await world.client.patch(SECRET, key, 'merge', { data: { ssh_host_ed25519_key: 'AAAA' } });
  await world.eventually(async () => {
    const now = (await world.find(SECRET, key))?.data;
    return now?.ssh_host_ed25519_key === before?.ssh_host_ed25519_key;
  });
});

t.test('a port that something else holds is taken back and another one given', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  agent.busyPorts.add(2222).add(23000).add(23001);
  await world.apply('w', { ports: [{ name: 'p', port: 80 }] });
  const running = await world.phase('w', 'Running');
  t.equal(running.status?.ssh?.port, 2223);
  t.equal(running.status?.ports?.[0]?.hostPort, 23002);
  await world.eventually(async () => (await world.events('PortConflict')).length > 0);
  await world.apply('x');
  t.equal((await world.phase('x', 'Running')).status?.ssh?.port, 2224, 'nobody else is given it');
});

t.test('bad specs say what is wrong, and an edit is the way out', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('big', { resources: { memory: '1Ti' } });
  // Before its node is ready it waits for that.
  const big = await world.until('big', ({ status }) => /not enough memory/.test(status?.message ?? ''));
  t.match(big.status?.message, /^0\/1 nodes: 1 has not enough memory/);
  t.equal(reasonOf(big, 'Ready'), 'NoNodeFits');
  t.equal(big.status?.phase, 'Pending');
  await world.patch('big', { spec: { resources: { memory: '1Gi' } } });
  await world.phase('big', 'Running');

  await world.patch('big', { spec: { driver: 'lxc' } });
  const moved = await world.until('big', workspace => reasonOf(workspace, 'Scheduled') === 'InvalidSpec');
  t.equal(moved.status?.phase, 'Degraded');
  t.equal((await world.placements())[0]?.spec.driver, 'memory', 'nothing was moved');
  await world.patch('big', { spec: { driver: null } });
  await world.phase('big', 'Running');
});

t.test('what waits for room gets it when there is some', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.apply('first');
  await world.until('first', workspace => reasonOf(workspace, 'Ready') === 'NoNodeFits');
  await world.addAgent('n1', { spec: { ports: { ssh: { from: 2222, to: 2222 } } } });
  await world.phase('first', 'Running');
  await world.apply('second');
  const waiting = await world.until('second', workspace => reasonOf(workspace, 'Ready') === 'PortsExhausted');
  t.match(waiting.status?.message, /no free SSH port/);
  await world.client.delete(WORKSPACE, { name: 'first', namespace: 'default' });
  await world.phase('second', 'Running');
  await world.apply('third');
  await world.until('third', workspace => reasonOf(workspace, 'Ready') === 'PortsExhausted');
  await world.client.patch(NODE, { name: 'n1' }, 'merge', {
    spec: { ports: { ssh: { from: 2222, to: 2225 } } },
  });
  await world.phase('third', 'Running');
});

t.test('a silent node makes its workspaces Unknown, and they come back with it', async t => {
  const world = await World.start({ leaseGraceMs: 600 });
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1', { renewMs: 100 });
  await world.apply('w');
  await world.phase('w', 'Running');
  await agent.stop();
  const silent = await world.phase('w', 'Unknown');
  t.equal(reasonOf(silent, 'Ready'), 'NodeUnreachable');
  t.match((await world.find(NODE, { name: 'n1' }))?.status?.conditions, [
    { type: 'Ready', reason: 'LeaseExpired' },
  ]);
  await world.addAgent('n1', { renewMs: 100 });
  await world.phase('w', 'Running');
});

t.test('a node that never comes back holds a deletion only for a time', async t => {
  const world = await World.start({ leaseGraceMs: 300, nodeLossDeleteMs: 3000 });
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1', { renewMs: 100 });
  await world.apply('w');
  await world.phase('w', 'Running');
  await agent.stop();
  await world.phase('w', 'Unknown');

  await world.client.delete(WORKSPACE, { name: 'w', namespace: 'default' });
  const going = await world.until('w', ({ status }) => status?.phase === 'Deleting');
  t.equal(reasonOf(going, 'Ready'), 'NodeUnreachable');
  await world.gone('w');
  t.same(await world.placements(), []);
  await world.eventually(async () => (await world.events('ForceDeleted')).length === 1);
});

t.test('a forced deletion does not wait for the node', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  agent.isStuck = true;
  await world.apply('w');
  await world.phase('w', 'Running');

  await world.client.delete(WORKSPACE, { name: 'w', namespace: 'default' });
  await world.until('w', ({ status }) => status?.phase === 'Deleting');
  await world.patch('w', { metadata: { annotations: { 'nexus.dev/force-delete': 'true' } } });
  await world.gone('w');
  t.same(await world.placements(), []);
  await world.eventually(async () => (await world.events('ForceDeleted')).length === 1);
});

t.test('a new workspace of an old name waits until the old one is fully gone', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  await world.apply('w');
  const old = await world.phase('w', 'Running');
  agent.isStuck = true;

  // Somebody takes the finalizer away by hand.
  await world.client.delete(WORKSPACE, { name: 'w', namespace: 'default' });
  await world.patch('w', { metadata: { finalizers: null } });
  await world.gone('w');
  const fresh = await world.apply('w');
  t.not(fresh.metadata.uid, old.metadata.uid);
  const held = await world.until('w', workspace => reasonOf(workspace, 'Scheduled') === 'Deleting');
  t.equal(held.status?.phase, 'Pending');
  agent.isStuck = false;
  await agent.stop();
  await world.addAgent('n1');
  const running = await world.phase('w', 'Running');
  t.same(
    (await world.placements()).map(p => p.spec.workspace.uid),
    [fresh.metadata.uid],
  );
  t.notSame(running.status?.ssh?.hostKeys, old.status?.ssh?.hostKeys, 'with a host key of its own');
});

t.test('a placement that somebody deleted is made again', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('w');
  await world.phase('w', 'Running');
  const [first] = await world.placements();
  await world.client.delete(PLACEMENT, { name: 'w.default', namespace: 'nexus-node-n1' });
  await world.eventually(async () => {
    const [now] = await world.placements();
    return now && now.metadata.uid !== first?.metadata.uid;
  });
  await world.phase('w', 'Running');
});

t.test('a deleted namespace takes its workspaces along, and then goes', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  await world.client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  for (const name of ['a', 'b', 'c']) await world.apply(name, {}, 'team');
  await world.eventually(() => agent.containers.size === 3);
  await world.client.delete(NAMESPACE, { name: 'team' });
  await world.eventually(
    async () => !(await world.find(NAMESPACE, { name: 'team' })),
    () => 'the namespace is left',
  );
  t.same(await world.placements(), []);
  t.equal(agent.containers.size, 0);
});

t.test('a removed node takes its namespace along when nothing is placed there', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  await world.apply('w');
  await world.phase('w', 'Running');
  await world.client.delete(NODE, { name: 'n1' });
  const lost = await world.phase('w', 'Unknown');
  t.match(lost.status?.message, /not known any more/);

  await world.client.delete(WORKSPACE, { name: 'w', namespace: 'default' });
  await world.gone('w');
  await agent.stop();
  await world.eventually(async () => !(await world.find(NAMESPACE, { name: 'nexus-node-n1' })));
});

t.test('without a garbage collector at hand, what a former workspace left is replaced', async t => {
  const world = await World.start({ embedded: false });
  t.teardown(() => world.close());
  const agent = await world.addAgent('n1');
  await world.apply('w');
  const old = await world.phase('w', 'Running');
  await world.client.delete(WORKSPACE, { name: 'w', namespace: 'default' });
  await world.gone('w');
  for (const key of [
    { name: 'w-ssh-host-key', namespace: 'default' },
    { name: 'w.default', namespace: 'nexus-node-n1' },
  ])
    t.ok(await world.find(SECRET, key), `${key.name} is still there`);
  await world.apply('w');
  const running = await world.phase('w', 'Running');
  t.notSame(running.status?.ssh?.hostKeys, old.status?.ssh?.hostKeys);
  const hostKey = await world.find(SECRET, { name: 'w-ssh-host-key', namespace: 'default' });
  t.equal(
    agent.containers.get('w.default')?.secret.ssh_host_ed25519_key,
    hostKey?.data?.ssh_host_ed25519_key,
  );
});

t.test('a host key that somebody deleted is taken back from its copy', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('w');
  const before = await world.phase('w', 'Running');
  const key = { name: 'w-ssh-host-key', namespace: 'default' };
  await world.client.delete(SECRET, key);
  await world.eventually(() => world.find(SECRET, key));
  await world.settled(300);
  t.same((await world.workspace('w'))?.status?.ssh?.hostKeys, before.status?.ssh?.hostKeys);
});

t.test("a user's own host key Secret is never written over, and refused when it holds no key", async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  const key = { name: 'w-ssh-host-key', namespace: 'default' };
  await world.client.create(SECRET, secretOf(key.name, { ssh_host_ed25519_key: 'junk' }));
  await world.apply('w');
  const refused = await world.until('w', ({ status }) => status?.phase === 'Failed');
  t.match(refused.status?.message, /w-ssh-host-key.*Delete it/);
  await world.client.delete(SECRET, key);
  await world.phase('w', 'Running');
});

t.test('keys that may log in everywhere are in every placement, and follow their file', async t => {
  let keys = ['ssh-ed25519 AAAA shared'];
  let changed = () => {};
  const authorizedKeys = {
    current: () => keys,
    onChange(handler: () => void) {
      changed = handler;
      return () => {};
    },
  };
  const world = await World.start({ authorizedKeys });
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.apply('w', { ssh: { authorizedKeys: ['ssh-ed25519 BBBB own'] } });
  await world.phase('w', 'Running');
  const held = async () => (await world.placements())[0]?.spec.ssh.authorizedKeys;
  t.same(await held(), ['ssh-ed25519 AAAA shared', 'ssh-ed25519 BBBB own']);
  keys = [];
  changed();
  await world.eventually(async () => (await held())?.length === 1);
});

t.test('a name as long as names may be is carried out', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  const name = 'a'.repeat(63);
  await world.apply(name);
  await world.phase(name, 'Running');
});

t.test(
  'what the API refuses to the controller is told by an Event, and carried out once it is allowed',
  async t => {
    const world = await World.start();
    t.teardown(() => world.close());
    await world.addAgent('n1');
    const quota = { name: 'none', namespace: 'nexus-node-n1' };
    await world.client.create(RESOURCE_QUOTA, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: quota,
      spec: { hard: { secrets: '0' } },
    });
    await world.apply('w');
    await world.eventually(
      async () => (await world.events('ReconcileFailed')).some(({ message }) => /quota/.test(message ?? '')),
      () => 'no Event ReconcileFailed',
    );
    await world.client.delete(RESOURCE_QUOTA, quota);
    await world.phase('w', 'Running');
  },
);
