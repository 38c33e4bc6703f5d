import t from 'tap';
import { DriverError } from '../../../agent/driver.ts';
import type { Guest } from '../../../agent/guest/guest.ts';
import { GUEST_KEYS_PATH } from '../../../agent/guest/program.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';
import { until } from '../../support/until.ts';

const services = [{ name: 'web', command: 'web', port: 3000 }];

async function settled(t: Parameters<typeof AgentLab.open>[0]) {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const agent = node.start();
  await lab.place('shop', { services });
  await lab.ready('shop');
  return { lab, node, agent };
}

t.test('a container that was removed by hand is made again, on the same volume, and it is said', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  node.engine.lose(id);
  await lab.untilEvent('shop', 'ContainerMissing');
  await lab.untilPlacement('shop', 'another container', p => p.status?.container?.id !== id);
  await lab.ready('shop');
  t.not(node.instance('shop').id, id);
  t.equal(node.engine.volumes.size, 1);
});

t.test('one that ended is started again', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  node.engine.kill(id);
  await lab.untilEvent('shop', 'ContainerDied');
  await lab.ready('shop');
  t.equal(node.instance('shop').id, id);
});

t.test('one that somebody else started again is configured again', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  node.engine.kill(id, { restart: true, now: Date.now() + 5_000 });
  await lab.untilEvent('shop', 'ContainerDied');
  await until(() => node.guest.inside(id).services.get('web')?.state.state === 'Running', {
    timeoutMs: 10_000,
    what: () => 'the service to run',
  });
  await lab.ready('shop');
});

t.test('a volume that was removed under a container is made again', async t => {
  const { lab, node } = await settled(t);
  const { id, spec } = node.instance('shop');
  node.engine.loseVolume(spec.volume.name);
  await lab.untilEvent('shop', 'ContainerRecreated');
  await lab.untilPlacement('shop', 'another container', p => p.status?.container?.id !== id);
  await lab.ready('shop');
  t.ok(node.engine.volumes.has(spec.volume.name));
});

t.test('authorised keys that were edited by hand are put back', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  const content = () => node.engine.readFile(node.instance('shop'), GUEST_KEYS_PATH)?.content.toString();
  const before = content();
  node.guest.edit(id, GUEST_KEYS_PATH, 'ssh-ed25519 AAAA intruder\n');
  await lab.untilEvent('shop', 'KeysRestored');
  t.equal(content(), before);
  node.guest.edit(id, GUEST_KEYS_PATH);
  await lab.untilEvent('shop', 'KeysRestored', 2);
  t.equal(content(), before);
});

t.test('a key that is changed in the spec is no drift', async t => {
  const { lab } = await settled(t);
  await lab.edit('shop', spec => {
    spec.ssh.authorizedKeys = [];
  });
  await lab.ready('shop');
  t.notOk((await lab.events()).some(({ reason }) => reason === 'KeysRestored'));
});

t.test('what the guest restarts by itself is told', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  node.guest.killSshd(id);
  await lab.untilEvent('shop', 'SSHRestarted');
  node.guest.killSupervisor(id);
  await lab.untilEvent('shop', 'SupervisorRestarted');
  node.guest.killService(id, 'web', 3);
  const event = await lab.untilEvent('shop', 'ServiceExited');
  t.match(event.message, 'exit code 3');
  await lab.ready('shop');
});

t.test('an engine that restarts brings everything back', async t => {
  const { lab, node } = await settled(t);
  const { id } = node.instance('shop');
  node.engine.goDown();
  await lab.untilReason('shop', 'ContainerReady', 'DriverUnavailable');
  const { status } = await lab.get('shop');
  t.equal(
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    'Unknown',
    'never ready when it is not seen',
  );
  node.engine.kill(id);
  node.engine.comeUp();
  await lab.ready('shop');
  t.equal(node.instance('shop').id, id);
});

t.test('events that never came are made up for by the slow look', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start({ resync: 1_000 });
  await lab.place('shop', { services });
  await lab.ready('shop');
  node.engine.dropEvents(100);
  node.engine.lose(node.instance('shop').id);
  await lab.untilEvent('shop', 'ContainerMissing');
  await lab.ready('shop');
});

for (const operation of ['create', 'start', 'list', 'exec', 'ensureImage'] as const)
  t.test(`a ${operation} that fails is tried again`, async t => {
    const lab = await AgentLab.open(t);
    const node = memoryNode(lab);
    node.engine.fail(operation, 'Internal', { times: 2 });
    node.start();
    await lab.place('shop', { services });
    await lab.ready('shop', 15_000);
    t.equal(node.engine.instances.size, 1);
  });

t.test('one that cannot be made again at once is not told as new, nor by the next agent', async t => {
  const { lab, node, agent } = await settled(t);
  const told = async (reason: string) =>
    (await lab.events())
      .filter(event => event.reason === reason)
      .reduce((sum, { count = 1 }) => sum + count, 0);
  const anew = async (image: string) => {
    node.engine.images.set(image, `sha256:${image}`);
    await lab.edit('shop', spec => {
      spec.image = image;
    });
  };
  node.engine.fail('create', 'Internal', { times: 1 });
  await anew('other:1');
  await lab.ready('shop');
  t.same([await told('Created'), await told('ContainerRecreated')], [1, 1]);
  node.engine.fail('create', 'Internal', { times: 1_000 });
  await anew('other:2');
  await lab.untilPlacement('shop', 'nothing is there', p => p.status?.container?.state === 'Missing');
  await agent.stop();
  node.engine.clearFaults();
  node.start();
  await lab.ready('shop');
  t.same([await told('Created'), await told('ContainerRecreated')], [1, 2]);
});

t.test('an inside that does not answer once is no news, and one that goes on so is', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  let lost = 0;
  let asked = 0;
  let watch = new AbortController();
  const guest: Guest = {
    ...node.guest,
    async state(id, signal) {
      asked++;
      if (lost-- > 0) throw new DriverError('Internal', 'its answer was lost');
      return node.guest.state(id, signal);
    },
    watch: (id, signal) => node.guest.watch(id, AbortSignal.any([signal, watch.signal])),
  };
  await node.start({ drivers: [{ driver: node.driver, guest }], resync: 200 }).ready;
  await lab.place('a', { services: [{ name: 'web', command: 'web' }] });
  await lab.ready('a');
  /** Ends the watch for good, and waits for so many questions. */
  const blind = async (answers: number, questions: number) => {
    lost = answers;
    asked = 0;
    watch.abort();
    await until(() => asked >= questions, {
      timeoutMs: 20_000,
      what: () => `${questions} questions, ${asked}`,
    });
  };
  const { metadata } = await lab.get('a');
  await blind(1, 3);
  t.equal((await lab.get('a')).metadata.resourceVersion, metadata.resourceVersion);

  await blind(Number.POSITIVE_INFINITY, 2);
  const { status } = await lab.untilReason('a', 'ServicesReady', 'ServicesStarting');
  t.equal(status?.services?.[0]?.state, 'Pending');
  lost = 0;
  watch = new AbortController();
  await lab.ready('a');
});
