import t, { type Test } from 'tap';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import type { GuestDesired } from '../../../agent/guest/guest.ts';
import { createMemoryGuest } from '../../../agent/guest/memory-guest.ts';
import { type MemoryOutcomes, memoryCommand } from '../../../agent/guest/memory-outcomes.ts';
import { guestTmpfs } from '../../../agent/guest/program.ts';
import { specs } from '../../conformance/driver.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const desired: GuestDesired = {
  user: 'dev',
  authorizedKeys: [],
  hostKey: 'key',
  env: {},
  services: [{ name: 'web', command: `run 'it'`, env: {} }],
};

async function open(_t: Test, outcomes: Partial<MemoryOutcomes> = {}) {
  const clock = new FakeClock();
  const driver = createMemoryDriver({ node: 'a', clock });
  const guest = createMemoryGuest({ driver, clock, outcomes });
  const { id: imageId = '' } = (await driver.ensureImage('debian:12')) ?? {};
  const config = guest.render(desired);
  const { id } = await driver.create({
    ...specs('a', imageId)('one'),
    tmpfs: guestTmpfs(),
    files: config.boot,
  });
  await driver.start(id);
  await guest.configure(id, config);
  const web = async () => (await guest.state(id)).services.find(({ name }) => name === 'web')!;
  return { clock, driver, guest, id, config, web };
}

t.test(
  'a service that ends is started again after 1, 2, 4 … 60 seconds, and anew after a minute of running',
  async t => {
    const commands: string[] = [];
    let afterMs = 0;
    const { clock, guest, id, config, web } = await open(t, {
      service(_name, command) {
        commands.push(command);
        return { afterMs, exitCode: 4 };
      },
    });
    await guest.serviceUp(id, 'web', config.services.web!);
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const started = commands.length;
      await clock.advance(1);
      t.equal((await web()).state, 'Backoff');
      await clock.advance(seconds * 1000 - 2);
      t.equal(commands.length, started, `not before ${seconds} s`);
      afterMs = seconds === 60 ? 60_000 : 0;
      await clock.advance(1);
      t.equal(commands.length, started + 1);
      if (afterMs > 0) break;
    }
    await clock.advance(60_000);
    t.match(await web(), { state: 'Backoff', exitCode: 4, restarts: 8 });
    await clock.advance(1000);
    t.equal((await web()).state, 'Running');
    t.equal(commands[0], `run 'it'`);
  },
);

t.test('what runs outlives the agent, not the instance', async t => {
  const { clock, driver, guest, id, config, web } = await open(t);
  await guest.serviceUp(id, 'web', config.services.web!);
  const { pid } = await web();
  const second = createMemoryGuest({
    driver: createMemoryDriver({ node: 'a', engine: driver.engine }),
    clock,
  });
  t.equal((await second.state(id)).services[0]?.pid, pid);
  driver.engine.kill(id, { restart: true });
  t.match(await second.state(id), { configured: false, services: [] });
  await driver.remove(id);
  await t.rejects(second.state(id), { code: 'NotFound' });
});

t.test('faults of the engine are faults of the guest', async t => {
  const { clock, driver, guest, id } = await open(t);
  driver.engine.fail('exec', 'EngineUnavailable');
  await t.rejects(guest.state(id), { code: 'EngineUnavailable' });
  driver.engine.delay('exec', 500, 1);
  const slow = guest.state(id);
  await clock.advance(500);
  t.match(await slow, { configured: true });
});

t.test('jobs and checks end as they are told to', async t => {
  const { clock, guest, id } = await open(t, {
    hook: () => ({ afterMs: 100, exitCode: 9, output: 'x'.repeat(3000) }),
    clone: () => ({ afterMs: 100, commit: 'f'.repeat(40) }),
    check: command => (command[0] === 'slow' ? {} : { afterMs: 0, exitCode: 2, output: 'no' }),
  });
  await guest.runHook(id, 'preStop', 'whatever', 'a');
  await guest.clone(id, { url: 'https://example.com/a.git', token: 'b' });
  await guest.clone(id, { url: 'https://example.com/other.git', token: 'b' });
  t.match((await guest.state(id)).jobs, { preStop: { state: 'Running' }, clone: { state: 'Running' } });
  await clock.advance(100);
  const { jobs, repository } = await guest.state(id);
  t.match(jobs, {
    preStop: { state: 'Failed', exitCode: 9, tail: 'x'.repeat(2048) },
    clone: { state: 'Succeeded' },
  });
  t.match(repository, { commit: 'f'.repeat(40), url: 'https://example.com/a.git', branch: 'main' });
  t.strictSame(await guest.check(id, { command: ['fast'] }, 1000), { ok: false, message: 'exit code 2: no' });
  const slow = guest.check(id, { command: ['slow'] }, 1500);
  await clock.advance(1500);
  t.strictSame(await slow, { ok: false, message: 'did not end within 2 s' });
});

t.test('a few commands are understood', async t => {
  t.strictSame(memoryCommand('true'), { afterMs: 0, exitCode: 0 });
  t.strictSame(memoryCommand('echo a b; sleep 1.5; false'), { afterMs: 1500, exitCode: 1, output: 'a b' });
  t.strictSame(memoryCommand('exit 3; sleep 5'), { afterMs: 0, exitCode: 3 });
  t.strictSame(memoryCommand('npm run dev'), {});
});

t.test('a slow reader of a watch gets the latest state', async t => {
  const { guest, id, config } = await open(t);
  const stop = new AbortController();
  const watch = guest.watch(id, stop.signal)[Symbol.asyncIterator]();
  t.match((await watch.next()).value, { services: [] });
  await guest.serviceUp(id, 'web', config.services.web!);
  guest.killService(id, 'web');
  guest.killSshd(id);
  t.match((await watch.next()).value, {
    sshd: { restarts: 1 },
    services: [{ state: 'Backoff', exitCode: 137 }],
  });
  const last = watch.next();
  stop.abort();
  t.equal((await last).done, true);
  t.equal((await guest.watch(id, stop.signal)[Symbol.asyncIterator]().next()).done, true);
});
