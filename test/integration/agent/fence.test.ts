import t from 'tap';
import { PLACEMENT } from '../../../crds/kinds.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';
import { until } from '../../support/until.ts';

const movable = { onNodeLoss: 'Reschedule' } as const;
/** Short, so that nobody waits. */
const quick = { heartbeat: 500, fenceTime: 1_500 };

/** What started on an engine since it was called. */
function starts(node: ReturnType<typeof memoryNode>): string[] {
  const seen: string[] = [];
  node.engine.onChange((instance, type) => {
    if (type === 'started') seen.push(instance.spec.labels['nexus.dev/placement'] ?? '');
  });
  return seen;
}

/** As the controller does when it has waited long enough. */
async function giveUp(lab: AgentLab, name: string): Promise<void> {
  const key = { namespace: lab.namespace, name: `${name}.default` };
  await lab.admin.patch(PLACEMENT, key, 'merge', { metadata: { finalizers: null } });
  await lab.admin.delete(PLACEMENT, key);
}

t.test(
  'cut off for the fence time, a node stops what may be moved, and goes on with it when it is still there',
  async t => {
    const lab = await AgentLab.open(t);
    const node = memoryNode(lab);
    node.start(quick);
    await lab.place('stays');
    await lab.place('moves', { ...movable, ssh: { port: 2223 } });
    await Promise.all([lab.ready('stays'), lab.ready('moves')]);
    const [stays, moves] = [node.instance('stays'), node.instance('moves')];
    const boots = [stays.bootId, moves.bootId];
    t.same([stays.autoStart, moves.autoStart], [true, false]);
    lab.goAway();
    await until(() => moves.state === 'Stopped', { timeoutMs: 15_000, what: () => 'the fence to close' });
    t.equal(stays.bootId, boots[0]);
    t.equal(stays.state, 'Running');
    lab.comeBack();
    await until(() => moves.state === 'Running', { timeoutMs: 15_000, what: () => 'it to run again' });
    await lab.ready('moves');
    t.equal(node.instance('moves').id, moves.id, 'the same container');
    t.equal(stays.bootId, boots[0], 'the other was never touched');
  },
);

t.test('one that is gone when the node is back is not started again, whatever the cache shows', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start({ ...quick, keepMovedVolumes: 86_400_000 });
  await lab.place('moves', movable);
  await lab.ready('moves');
  const { id } = node.instance('moves');
  lab.goAway();
  await until(() => node.engine.find(id)?.state === 'Stopped', {
    timeoutMs: 15_000,
    what: () => 'the fence',
  });
  const began = starts(node);
  await giveUp(lab, 'moves');
  lab.comeBack();
  await until(() => node.engine.instances.size === 0, { timeoutMs: 10_000, what: () => 'the orphan to go' });
  t.same(began, []);
  t.equal(node.engine.volumes.size, 1, 'what it left is kept for a while');
});

t.test('a node that was away for less than the fence time stops nothing', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start({ heartbeat: 500, fenceTime: 30_000 });
  await lab.place('moves', movable);
  await lab.ready('moves');
  const { bootId } = node.instance('moves');
  lab.goAway();
  const failed = lab.refused;
  await until(() => lab.refused > failed + 3, { timeoutMs: 15_000, what: () => 'some heartbeats to fail' });
  lab.comeBack();
  await lab.edit('moves', spec => {
    spec.restartedAt = undefined;
    spec.forwards = [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }];
  });
  await lab.ready('moves');
  t.equal(node.instance('moves').bootId, bootId);
});

t.test(
  'after a reboot without a server, what waits runs again and what may be moved does not until it was asked for',
  async t => {
    const lab = await AgentLab.open(t);
    const node = memoryNode(lab);
    const home = t.testdir({});
    const first = node.start({ ...quick, home });
    await lab.place('stays');
    await lab.place('moves', { ...movable, ssh: { port: 2223 } });
    await Promise.all([lab.ready('stays'), lab.ready('moves')]);
    await first.stop();
    lab.goAway();
    node.engine.reboot(Date.now());
    t.equal(node.instance('moves').state, 'Stopped', 'not started by the engine');
    node.engine.kill(node.instance('stays').id);
    const began = starts(node);
    node.start({ ...quick, home });
    await until(() => node.instance('stays').state === 'Running', {
      timeoutMs: 10_000,
      what: () => 'what waits to be healed from the checkpoint',
    });
    const failed = lab.refused;
    await until(() => lab.refused > failed + 5, { timeoutMs: 15_000, what: () => 'some heartbeats to fail' });
    t.same(began, ['stays.default']);
    lab.comeBack();
    await until(() => node.instance('moves').state === 'Running', {
      timeoutMs: 10_000,
      what: () => 'the other',
    });
  },
);

t.test(
  'an agent that is gone leaves nothing running that may be moved, and one that is restarted disturbs nothing',
  async t => {
    const lab = await AgentLab.open(t);
    const node = memoryNode(lab);
    const home = t.testdir({});
    const first = node.start({ ...quick, home });
    await lab.place('moves', movable);
    await lab.ready('moves');
    const { id, bootId } = node.instance('moves');
    await first.stop();
    const second = node.start({ ...quick, home });
    await second.ready;
    await lab.edit('moves', spec => {
      spec.forwards = [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }];
    });
    await lab.ready('moves');
    t.equal(node.engine.find(id)?.bootId, bootId, 'it runs on over a restart');
    await second.stop();
    await until(() => node.engine.find(id)?.state === 'Stopped', {
      timeoutMs: 15_000,
      what: () => 'it to end without any agent',
    });
  },
);

t.test('whether it may be moved changes in place', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start(quick);
  await lab.place('shop');
  await lab.ready('shop');
  const { id, bootId } = node.instance('shop');
  const fenced = () => node.guest.inside(id).state().fenced;
  t.notOk(fenced());
  await lab.edit('shop', spec => {
    spec.onNodeLoss = 'Reschedule';
  });
  await until(() => fenced() && !node.instance('shop').autoStart, {
    timeoutMs: 15_000,
    what: () => 'a fence',
  });
  await lab.edit('shop', spec => {
    spec.onNodeLoss = undefined;
  });
  await until(() => !fenced() && node.instance('shop').autoStart, {
    timeoutMs: 15_000,
    what: () => 'no fence',
  });
  t.equal(node.instance('shop').bootId, bootId);
});

t.test('the volume of what moved away is removed when its time is over, also after a restart', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const options = { ...quick, home, resync: 1_000 };
  const first = node.start({ ...options, keepMovedVolumes: 3_000 });
  await lab.place('moves', movable);
  await lab.ready('moves');
  await lab.edit('moves', spec => {
    spec.running = false;
    spec.evictedBy = 'Drain';
  });
  await lab.delete('moves');
  await lab.untilGone('moves');
  t.same([node.engine.instances.size, node.engine.volumes.size], [0, 1]);
  await first.stop();
  node.start(options);
  await until(() => node.engine.volumes.size === 0, { timeoutMs: 10_000, what: () => 'the volume to go' });
});
