import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Driver } from '../../../agent/driver.ts';
import { GUEST_HOST_KEY_PATH, GUEST_KEYS_PATH } from '../../../agent/guest/program.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { PLACEMENT } from '../../../crds/kinds.ts';
import type { PlacementStatus } from '../../../crds/types.generated.ts';
import { HOST_KEY, USER_KEY } from '../../support/agent-data.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { until } from '../../support/until.ts';

const services = [{ name: 'web', command: 'web', port: 3000, env: [{ name: 'TOKEN', secretKey: 'env.0' }] }];
const values = { 'env.0': 'hunter2' };

t.test('a node whose server is away goes on healing, secrets and all', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', { services }, values);
  await lab.ready('shop');
  lab.goAway();
  const { id } = node.instance('shop');
  node.engine.lose(id);
  await until(
    () => {
      const [instance] = node.engine.instances.values();
      return instance?.state === 'Running' && instance.id !== id
        ? node.guest.inside(instance.id).services.get('web')?.state.state === 'Running'
        : undefined;
    },
    { timeoutMs: 10_000, what: () => 'the service to run in another container' },
  );
  const before = (await lab.get('shop')).status?.container?.id;
  t.equal(before, id, 'nobody could be told');
  lab.comeBack();
  await lab.untilPlacement('shop', 'the news', p => p.status?.container?.id === node.instance('shop').id);
  await lab.ready('shop');
});

t.test('an agent that starts without its server after a reboot brings back what needs no Secret', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const first = node.start({ home });
  const all = [
    ...services,
    { name: 'free', command: 'free' },
    { name: 'late', command: 'l', dependsOn: ['web'] },
  ];
  await lab.place('shop', { services: all }, values);
  await lab.ready('shop');
  await first.stop();
  const path = join(home, 'agent', 'checkpoint.json');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.notMatch(await readFile(path, 'utf8'), /hunter2|PRIVATE/, 'no secret is kept');
  const keyFile = join(home, 'agent', 'host-keys', 'uid-of-shop');
  t.equal((await stat(keyFile)).mode & 0o777, 0o600);
  t.equal(await readFile(keyFile, 'utf8'), HOST_KEY.privateKey, 'but for the host key');

  lab.goAway();
  const { id } = node.instance('shop');
  node.engine.kill(id);
  node.engine.images.set('stranger', 'x');
  const { log, lines } = recordingLogger();
  node.start({ home, log });
  const inside = () => node.guest.inside(id);
  const isUp = () =>
    node.instance('shop').state === 'Running' && inside().services.get('free')?.state.state === 'Running';
  await until(isUp, {
    timeoutMs: 10_000,
    what: () => 'the service that needs no Secret to run',
  });
  const file = (path: string) => node.engine.readFile(node.instance('shop'), path)?.content.toString();
  t.equal(inside().sshd.running, true);
  t.match(file(GUEST_KEYS_PATH), USER_KEY.publicKey, 'its user gets in');
  t.match(file(GUEST_HOST_KEY_PATH), HOST_KEY.privateKey.trim(), 'and sees the host key that is known');
  t.same([...inside().services.keys()], ['free'], 'what needs the Secret waits, and what depends on it');
  t.match(lines.join('\n'), /the Secret shop\.default is not on the node yet; until then wait services web"/);
  await lab.edit('shop', spec => {
    spec.services?.push({ name: 'more', command: 'more' });
  });
  const { pid, bootId } = { pid: inside().services.get('free')?.state.pid, bootId: inside().state().bootId };
  lab.comeBack();
  await lab.ready('shop', 30_000);
  t.equal(node.instance('shop').id, id);
  t.equal(inside().services.size, 4);
  t.same(
    { pid: inside().services.get('free')?.state.pid, bootId: inside().state().bootId },
    { pid, bootId },
    'nothing that ran is restarted',
  );
});

t.test('host keys leave the disk of the node with the workspace', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const kept = () => readdir(join(home, 'agent', 'host-keys')).then(names => names.sort());
  const agent = node.start({ home });
  const names = ['deleted', 'forced', 'movable', 'stays'];
  for (const [i, name] of names.entries()) await lab.place(name, { ssh: { port: 2222 + i } });
  for (const name of names) await lab.ready(name);
  // They are written beside what makes a workspace ready.
  await until(async () => (await kept()).join() === names.map(name => `uid-of-${name}`).join(), {
    timeoutMs: 10_000,
    what: () => 'the host keys of all to be kept',
  });
  await lab.delete('deleted');
  await lab.untilGone('deleted');
  t.notOk((await kept()).includes('uid-of-deleted'), 'gone from the disk before it is gone from the API');
  await lab.edit('movable', spec => {
    spec.onNodeLoss = 'Reschedule';
  });
  await until(async () => !(await kept()).includes('uid-of-movable'), {
    timeoutMs: 10_000,
    what: () => 'the host key of what may be moved to go',
  });
  await agent.stop();
  await lab.admin.patch(PLACEMENT, { namespace: lab.namespace, name: 'forced.default' }, 'merge', {
    metadata: { finalizers: null },
  });
  await lab.delete('forced');
  t.same(await kept(), ['uid-of-forced', 'uid-of-stays']);
  await writeFile(join(home, 'agent', 'host-keys', 'uid-of-stays.0123'), 'what a crash left');
  await node.start({ home }).ready;
  t.same(await kept(), ['uid-of-stays'], 'also of what was deleted while no agent ran');
});

t.test('what became of a container before an agent started without its server is told as it was', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const first = node.start({ home });
  for (const name of ['lost', 'restarted']) {
    await lab.place(name, { services, ssh: { port: name === 'lost' ? 2222 : 2223 } }, values);
    await lab.ready(name);
  }
  await first.stop();
  lab.goAway();
  const lost = node.instance('lost').id;
  node.engine.lose(lost);
  const { id } = node.instance('restarted');
  node.engine.kill(id, { restart: true, now: Date.now() + 5_000 });
  node.start({ home });
  await until(() => node.engine.instances.size === 2 && node.instance('lost').state === 'Running', {
    timeoutMs: 10_000,
    what: () => 'the container to be made again',
  });
  lab.comeBack();
  await lab.untilEvent('lost', 'ContainerMissing');
  await lab.untilEvent('restarted', 'ContainerDied');
  await Promise.all([lab.ready('lost', 30_000), lab.ready('restarted', 30_000)]);
  const made = (await lab.events()).filter(({ reason }) => reason === 'Created');
  t.same(
    made.map(({ count }) => count ?? 1),
    [1, 1],
    'none was made for the first time again',
  );
});

t.test('an agent that starts without its server goes on from what it knew, and since when', async t => {
  const lab = await AgentLab.open(t);
  let isSlow = false;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const node = memoryNode(lab, {
    check() {
      if (isSlow) begin();
      return { afterMs: isSlow ? 5_000 : 0, exitCode: 0 };
    },
  });
  const home = t.testdir({});
  const first = node.start({ home });
  const check = { tcp: {}, intervalSeconds: 60, timeoutSeconds: 60 };
  await lab.place('shop', { services: [{ name: 'web', command: 'web', port: 3000, healthCheck: check }] });
  const before = (await lab.ready('shop')).status;
  await first.stop();
  lab.goAway();
  isSlow = true;
  node.start({ home, clock: { ...systemClock, now: () => systemClock.now() + 3_600_000 } });
  await begun;
  lab.comeBack();
  await lab.edit('shop', spec => {
    spec.forwards = [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }];
  });
  const { status } = await lab.untilPlacement(
    'shop',
    'the forward to be told',
    ({ status }) => status?.forwards?.[0]?.hostPort === 23000,
  );
  t.match(status?.services, [{ name: 'web', state: 'Running', health: 'Healthy' }]);
  t.same(timesOf(status), timesOf(before), 'what did not change is told as of when it did');
  t.match(
    status?.conditions?.find(({ type }) => type === 'Ready'),
    { status: 'True' },
  );
});

t.test('nothing is an orphan before the server has told what there is', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const first = node.start({ home });
  await lab.place('shop');
  await lab.ready('shop');
  await first.stop();
  await writeFile(join(home, 'agent', 'checkpoint.json'), '{"version": 1, "placements":');
  lab.goAway();
  node.start({ home, resync: 1_000 });
  // It has begun to look: the engine is being watched.
  const lists = node.engine.calls.get('watch') ?? 0;
  await until(() => (node.engine.calls.get('watch') ?? 0) > lists, {
    timeoutMs: 15_000,
    what: () => 'the agent to watch the engine',
  });
  t.equal(node.engine.instances.size, 1);
  lab.comeBack();
  await lab.ready('shop', 30_000);
  t.equal(node.engine.instances.size, 1);
  t.match(await readFile(join(home, 'agent', 'checkpoint.json.bad'), 'utf8'), 'placements');
});

t.test('what is made of a placement that went meanwhile is removed at once', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const first = node.start({ home });
  await lab.place('shop');
  await lab.ready('shop');
  await first.stop();
  lab.goAway();
  node.engine.lose(node.instance('shop').id);
  await lab.admin.patch(PLACEMENT, { namespace: lab.namespace, name: 'shop.default' }, 'merge', {
    metadata: { finalizers: null },
  });
  await lab.delete('shop');
  const { promise: making, resolve: begin } = Promise.withResolvers<void>();
  const { promise: swept, resolve: goOn } = Promise.withResolvers<void>();
  const create: Driver['create'] = async spec => {
    begin();
    await swept;
    return node.driver.create(spec);
  };
  const second = node.start({ home, drivers: [{ driver: { ...node.driver, create }, guest: node.guest }] });
  await making;
  t.equal(node.engine.instances.size, 0);
  lab.comeBack();
  await second.ready;
  // It was made of nothing but the checkpoint, and what is looked for next time is looked for in five minutes.
  await until(() => node.engine.volumes.size === 0, {
    timeoutMs: 10_000,
    what: () => 'orphans to be looked for',
  });
  goOn();
  await lab.untilEvent('shop', 'OrphanRemoved', 2);
  await until(() => node.engine.instances.size + node.engine.volumes.size === 0, {
    timeoutMs: 10_000,
    what: () => 'what the pass made to be removed',
  });
});

t.test(
  'what is made late of a placement that went, by an agent that was killed, is removed at once',
  async t => {
    const lab = await AgentLab.open(t);
    const node = memoryNode(lab);
    let made: Parameters<Driver['create']>[0] | undefined;
    const create: Driver['create'] = spec => {
      made = spec;
      return node.driver.create(spec);
    };
    node.start({ drivers: [{ driver: { ...node.driver, create }, guest: node.guest }] });
    await lab.place('shop');
    await lab.ready('shop');
    await lab.delete('shop');
    await until(() => node.engine.instances.size + node.engine.volumes.size === 0, {
      timeoutMs: 10_000,
      what: () => 'nothing to be left',
    });
    await node.driver.create(made!);
    await lab.untilEvent('shop', 'OrphanRemoved');
    await until(() => node.engine.instances.size + node.engine.volumes.size === 0, {
      timeoutMs: 10_000,
      what: () => 'what was made late to be removed',
    });
  },
);

t.test('what no placement asks for is removed, but for volumes that nobody can answer for', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const before = node.start({ home: t.testdir({ other: {} }) });
  await lab.place('shop');
  await lab.ready('shop');
  await before.stop();
  // Another installation: its server never heard of the workspace.
  const other = await AgentLab.open(t);
  const stranger = other.start({ home, drivers: [{ driver: node.driver, guest: node.guest }] });
  await until(() => node.engine.instances.size === 0, { timeoutMs: 10_000, what: () => 'the orphan to go' });
  t.equal(node.engine.volumes.size, 1, 'data of an installation that is not known');
  await other.place('mine');
  await other.ready('mine');
  t.equal(node.engine.volumes.size, 2);
  await other.admin.patch(
    { group: 'nexus.dev', version: 'v1alpha1', kind: 'Placement', plural: 'placements', namespaced: true },
    { namespace: other.namespace, name: 'mine.default' },
    'merge',
    { metadata: { finalizers: null } },
  );
  await other.delete('mine');
  await until(() => node.engine.volumes.size === 1, { timeoutMs: 10_000, what: () => 'the volume to go' });
  await stranger.stop();
});

function timesOf(status: PlacementStatus | undefined) {
  const { services = [], conditions = [] } = status ?? {};
  return [
    ...services.map(({ name, since }) => [name, since]),
    ...conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
  ];
}
