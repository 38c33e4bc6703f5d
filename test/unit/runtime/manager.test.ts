import t from 'tap';
import { aborted } from '../../../controller/kit/abort.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createManager, type Part } from '../../../controller/runtime/manager.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function setup() {
  const clock = new FakeClock();
  const manager = createManager({ clock, log: silentLogger });
  const told: string[] = [];
  const part = (name: string, options: { ready?: Promise<void>; stopMs?: number } = {}): Part => ({
    name,
    ready: options.ready,
    async run(signal) {
      told.push(`+${name}`);
      await aborted(signal);
      if (options.stopMs) await clock.sleep(options.stopMs);
      told.push(`-${name}`);
    },
  });
  return { clock, manager, told, part, stop: new AbortController() };
}

t.test(
  'parts start in their order, each when those before are ready, and stop in the reverse order',
  async t => {
    const { clock, manager, told, part, stop } = setup();
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    manager.add(part('server', { ready }));
    manager.add(part('informers', { stopMs: 50 }));
    manager.add(part('a', { stopMs: 100 }), part('b'));
    const running = manager.run(stop.signal);
    await settle();
    t.same(told, ['+server']);
    resolve();
    await settle();
    t.same(told, ['+server', '+informers', '+a', '+b']);
    told.length = 0;
    stop.abort();
    await clock.advance(1000);
    await running;
    t.same(told, ['-b', '-a', '-informers', '-server']);
    t.equal(clock.pending, 0);
  },
);

t.test('a part that dies brings the rest down, in order, with its error', async t => {
  const { manager, told, part, stop } = setup();
  const { promise, reject } = Promise.withResolvers<void>();
  manager.add(part('first'));
  manager.add({ name: 'weak', run: () => promise });
  manager.add(part('last'));
  const running = manager.run(stop.signal);
  await settle();
  reject(new Error('disk full'));
  await t.rejects(running, { message: 'disk full' });
  t.same(told, ['+first', '+last', '-last', '-first']);
});

t.test('a part that ends although nobody stopped it has died', async t => {
  const { manager, told, part, stop } = setup();
  manager.add(part('first'));
  manager.add({ name: 'quitter', run: async () => {} });
  await t.rejects(manager.run(stop.signal), /quitter/);
  t.same(told, ['+first', '-first']);
});

t.test('a part that never becomes ready, or cannot, does not keep a stop waiting', async t => {
  const one = setup();
  one.manager.add(one.part('never', { ready: new Promise(() => {}) }));
  one.manager.add(one.part('later'));
  const running = one.manager.run(one.stop.signal);
  await settle();
  one.stop.abort();
  await running;
  t.same(one.told, ['+never', '-never']);
  const two = setup();
  two.manager.add(two.part('cannot', { ready: Promise.reject(new Error('no port')) }));
  two.manager.add(two.part('later'));
  await t.rejects(two.manager.run(two.stop.signal), { message: 'no port' });
  t.same(two.told, ['+cannot', '-cannot']);
});

t.test('a part that does not stop is given up, the others are stopped, and the error names it', async t => {
  const { clock, manager, told, part, stop } = setup();
  manager.add(part('first'));
  manager.add({ name: 'stubborn', run: () => new Promise(() => {}) });
  const running = manager.run(stop.signal);
  running.catch(() => {});
  await settle();
  stop.abort();
  await clock.advance(10_000);
  await t.rejects(running, /stubborn/);
  t.same(told, ['+first', '-first']);
});

t.test('a part that fails while it stops is told of', async t => {
  const { manager, stop } = setup();
  manager.add({
    name: 'messy',
    async run(signal) {
      await aborted(signal);
      throw new Error('could not flush');
    },
  });
  const running = manager.run(stop.signal);
  stop.abort();
  await t.rejects(running, { message: 'could not flush' });
});

t.test('stopped before it began, nothing is started', async t => {
  const { manager, told, part, stop } = setup();
  manager.add(part('first'));
  stop.abort();
  await manager.run(stop.signal);
  t.same(told, []);
});
