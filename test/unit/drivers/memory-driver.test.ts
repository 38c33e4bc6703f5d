import t from 'tap';
import type { EngineEvent } from '../../../agent/driver.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { MemoryEngine } from '../../../agent/drivers/memory/memory-engine.ts';
import { specs } from '../../conformance/driver.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function lab() {
  const engine = new MemoryEngine();
  const clock = new FakeClock();
  const driver = createMemoryDriver({ node: 'n', engine, clock });
  return { engine, clock, driver, spec: specs('n', 'sha256:x') };
}

t.test('faults come as often as they were asked for, with their code', async t => {
  const { engine, driver, spec } = lab();
  engine.fail('create', 'Internal', { times: 2 });
  await t.rejects(driver.create(spec('a')), { code: 'Internal' });
  await t.rejects(driver.create(spec('a')), { code: 'Internal' });
  const { id } = await driver.create(spec('a'));
  engine.fail('start', 'PortInUse', { ports: [22] });
  await t.rejects(driver.start(id), { code: 'PortInUse', ports: [22] });
  engine.fail('start', 'Internal');
  engine.clearFaults();
  await driver.start(id);
  engine.takenPorts.add(2222);
  const publish = [{ containerPort: 22, hostPort: 2222, hostAddress: '0.0.0.0' }];
  const b = await driver.create(spec('b', { publish }));
  await t.rejects(driver.start(b.id), { code: 'PortInUse', ports: [2222] });
});

t.test('calls can be slow, and given up', async t => {
  const { engine, clock, driver } = lab();
  engine.delay('info', 1000, 1);
  let answered = false;
  const slow = driver.info().then(() => {
    answered = true;
  });
  await clock.advance(999);
  t.equal(answered, false);
  await clock.advance(1);
  await slow;
  await driver.info();
  engine.delay('list', 1000);
  const abort = new AbortController();
  const list = driver.list(abort.signal);
  await settle();
  abort.abort(new Error('enough'));
  await t.rejects(list, { message: 'enough' });
});

t.test('a settled agent is known by its calls: those that change are counted apart', async t => {
  const { engine, driver, spec } = lab();
  await driver.ensureImage('debian:12');
  const { id } = await driver.create(spec('a'));
  await driver.start(id);
  const changes = engine.changes;
  t.equal(changes, 3);
  await driver.info();
  await driver.list();
  await driver.ensureImage('debian:12', { pull: false });
  await driver.ensureImage('debian:12');
  t.equal(engine.changes, changes);
  t.equal(engine.calls.get('ensureImage'), 3);
});

t.test('images that cannot be had or used are refused', async t => {
  const { engine, driver } = lab();
  engine.missingImages.add('nope');
  engine.unsupportedImages.add('scratch');
  t.equal(await driver.ensureImage('nope', { pull: false }), undefined);
  await t.rejects(driver.ensureImage('nope'), { code: 'ImageNotFound' });
  await t.rejects(driver.ensureImage('scratch'), { code: 'ImageUnsupported' });
  engine.fail('pull', 'ImagePullFailed');
  await t.rejects(driver.ensureImage('debian'), { code: 'ImagePullFailed' });
  t.ok(await driver.ensureImage('debian'));
});

t.test(
  'what somebody does by hand is seen, by listeners always and by watchers unless events are lost',
  async t => {
    const { engine, driver, spec } = lab();
    const { id } = await driver.create(spec('a'));
    await driver.start(id);
    const heard: string[] = [];
    const forget = engine.onChange((instance, type) => heard.push(`${instance.spec.name} ${type}`));
    const abort = new AbortController();
    const events = driver.watch(abort.signal)[Symbol.asyncIterator]();
    const next = async () => (await events.next()).value as EngineEvent;
    await next();
    const boot = engine.find(id)?.bootId;
    engine.kill(id, { restart: true, exitCode: 1 });
    t.equal((await next()).type, 'died');
    t.equal((await next()).type, 'started');
    t.not(engine.find(id)?.bootId, boot);
    engine.dropEvents(2);
    engine.kill('nexus-a-n');
    engine.kill('nexus-a-n');
    engine.lose('nexus-a-n');
    engine.lose('nexus-a-n');
    engine.loseVolume('nexus-a-n-home');
    engine.loseVolume('nexus-a-n-home');
    t.same(await next(), { type: 'volume-removed', placement: 'a.default' });
    t.same(
      heard,
      ['died', 'started', 'died', 'removed'].map(type => `nexus-a-n ${type}`),
    );
    forget();
    t.same(await driver.list(), { instances: [], volumes: [] });
    abort.abort();
  },
);

t.test('an engine that goes down ends watches and refuses calls, and forgets nothing', async t => {
  const { engine, driver, spec } = lab();
  const { id } = await driver.create(spec('a'));
  await driver.start(id);
  const events = driver.watch(new AbortController().signal)[Symbol.asyncIterator]();
  await events.next();
  const next = events.next();
  engine.goDown();
  await t.rejects(next, { code: 'EngineUnavailable' });
  await t.rejects(driver.list(), { code: 'EngineUnavailable' });
  engine.comeUp();
  t.equal((await driver.list()).instances[0]?.state, 'Running');
});

t.test('processes end with their instance, and commands can be made up', async t => {
  const { engine, driver, spec } = lab();
  const { id } = await driver.create(spec('a'));
  await driver.start(id);
  const { exit, stdout } = await driver.exec(id, ['sleep', '1000']);
  engine.kill(id);
  t.equal(await exit, 137);
  t.same(await stdout.toArray(), []);
  t.equal(engine.readFile(engine.find(id)!, '/opt/nexus/greeting')?.mode, 0o644);

  const scripted = createMemoryDriver({
    node: 'n',
    engine,
    exec: async ({ command, stdout }) => {
      stdout.write(`ran ${command.join(' ')}`);
      return 42;
    },
  });
  await scripted.start(id);
  const ran = await scripted.exec(id, ['anything']);
  t.equal(Buffer.concat(await ran.stdout.toArray()).toString(), 'ran anything');
  t.equal(await ran.exit, 42);
  const unknown = await driver.exec(id, ['emacs']);
  t.equal(await unknown.exit, 127);
});
