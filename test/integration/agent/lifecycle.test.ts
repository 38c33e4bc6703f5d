import t from 'tap';
import { NODE } from '../../../crds/kinds.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';
import { until } from '../../support/until.ts';

t.test('a placement becomes ready, says so, and is removed without a trace', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const agent = node.start();
  await lab.place('shop', {
    repo: { url: 'https://example.com/shop.git', ref: 'main' },
    services: [
      { name: 'db', command: 'db', port: 5432, healthCheck: { tcp: {} } },
      { name: 'web', command: 'web', port: 3000, dependsOn: ['db'] },
    ],
    forwards: [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }],
    lifecycle: { preStart: 'true', postStart: 'true', preStop: 'true' },
  });
  const { status, metadata } = await lab.ready('shop');
  t.same(
    status?.services?.map(({ name, state, health }) => ({ name, state, health })),
    [
      { name: 'db', state: 'Running', health: 'Healthy' },
      { name: 'web', state: 'Running', health: undefined },
    ],
  );
  t.equal(status?.container?.state, 'Running');
  t.equal(status?.repository?.ref, 'main');
  t.match(status?.ssh?.hostKeys?.[0], /^ssh-ed25519 /);
  t.same(metadata.finalizers, ['nexus.dev/agent']);
  t.equal(node.engine.instances.size, 1);
  await lab.untilEvent('shop', 'Created');
  await lab.untilEvent('shop', 'RepositoryCloned');

  await lab.delete('shop');
  await lab.untilGone('shop');
  t.equal(node.engine.instances.size, 0);
  t.equal(node.engine.volumes.size, 0);
  await agent.stop();
});

t.test('the node reports itself', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  await node.start({ address: 'n1.example.com', reserveMemory: '1Gi' }).ready;
  const { status } = await until(
    async () => {
      const found = await lab.admin.get(NODE, { name: 'n1' });
      return found.status?.drivers?.[0]?.ready ? found : undefined;
    },
    { timeoutMs: 15_000, what: () => 'the node to report a driver' },
  );
  t.equal(status?.address, 'n1.example.com');
  t.same(status?.drivers, [{ name: 'memory', ready: true, version: 'Memory 1' }]);
  t.same(status?.allocatable, { cpu: '8', memory: '31Gi', disk: '500Gi' });
  t.same(
    status?.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['DriversReady=True', 'WorkspacesIsolated=True'],
  );
  t.ok(status?.versions?.arch);

  node.engine.goDown();
  await until(async () => (await lab.admin.get(NODE, { name: 'n1' })).status?.drivers?.[0]?.ready === false, {
    timeoutMs: 15_000,
    what: () => 'the node to report the engine as down',
  });
});

t.test('stop keeps the container; start brings it back', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', { services: [{ name: 'web', command: 'web' }], lifecycle: { preStop: 'true' } });
  await lab.ready('shop');
  const { id } = node.instance('shop');
  await lab.edit('shop', spec => {
    spec.running = false;
  });
  await lab.untilReason('shop', 'Ready', 'Stopped');
  t.equal(node.instance('shop').state, 'Stopped');
  await lab.untilEvent('shop', 'HookRunning');
  await lab.edit('shop', spec => {
    spec.running = true;
  });
  await lab.ready('shop');
  t.equal(node.instance('shop').id, id);
});

t.test('a retained volume outlives its placement, and orphan removal', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const agent = node.start({ home });
  await lab.place('shop');
  await lab.ready('shop');
  await lab.edit('shop', spec => {
    spec.retainVolume = true;
  });
  await lab.delete('shop');
  await lab.untilGone('shop');
  t.equal(node.engine.volumes.size, 1, 'although it was made without the mark');
  await agent.stop();
  // Another placement's end makes the second agent look for orphans.
  const second = node.start({ home, resync: 1_000 });
  await second.ready;
  await lab.place('other');
  await lab.ready('other');
  await lab.delete('other');
  await lab.untilGone('other');
  t.equal(node.engine.volumes.size, 1);
});

t.test('delete ends whatever state the placement is in', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.engine.missingImages.add('nothing:1');
  node.start();
  await lab.place('noimage', { image: 'nothing:1' });
  await lab.untilReason('noimage', 'ImageReady', 'ImageNotFound');
  await lab.untilReason('noimage', 'Ready', 'Failed');
  const told = await lab.untilEvent('noimage', 'ImageNotFound');
  t.match(told, { type: 'Warning', message: /nothing:1 could not be had/ });
  await lab.place('pulling', { image: 'slow:1' });
  node.engine.delay('pull', 60_000, 1);
  await lab.place('slow', { image: 'slow:2' });
  for (const name of ['noimage', 'pulling', 'slow']) await lab.delete(name);
  for (const name of ['noimage', 'pulling', 'slow']) await lab.untilGone(name);
  t.equal(node.engine.instances.size, 0);
});

t.test('a bad image is repaired by editing the spec, at once', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.engine.missingImages.add('nothing:1');
  node.start();
  await lab.place('shop', { image: 'nothing:1' });
  await lab.untilReason('shop', 'Ready', 'Failed');
  await lab.edit('shop', spec => {
    spec.image = 'debian:12';
  });
  await lab.ready('shop', 5_000);
});
