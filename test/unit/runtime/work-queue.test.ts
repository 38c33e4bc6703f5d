import t from 'tap';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { createWorkQueue } from '../../../controller/runtime/work-queue.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const make = (options = {}) => {
  const clock = new FakeClock();
  return { clock, queue: createWorkQueue({ clock, ...options }) };
};

t.test('a key that is added many times is handed out once, in the order of first adds', async t => {
  const { queue } = make();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  t.equal(queue.length, 3);
  t.same([await queue.get(), await queue.get(), await queue.get()], ['a', 'b', 'c']);
});

t.test(
  'a key that is being processed is not handed out again until it is done, and then comes last',
  async t => {
    const { queue } = make();
    queue.add('a');
    t.equal(await queue.get(), 'a');
    queue.add('a');
    queue.add('a');
    queue.add('b');
    t.equal(queue.length, 1);
    t.equal(await queue.get(), 'b');
    queue.done('a');
    t.equal(await queue.get(), 'a');
    queue.done('a');
    t.equal(queue.length, 0, 'two adds while processing are one more pass');
  },
);

t.test('those who wait are served in their order, one key each', async t => {
  const { queue } = make();
  const first = queue.get();
  const second = queue.get();
  queue.add('a');
  queue.add('b');
  t.same(await Promise.all([first, second]), ['a', 'b']);
});

t.test('of several waits for one key the earliest counts, and later ones add nothing', async t => {
  const { queue, clock } = make();
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 200);
  await clock.advance(49);
  t.equal(queue.length, 0);
  await clock.advance(1);
  t.equal(queue.length, 1);
  t.equal(await queue.get(), 'a');
  queue.done('a');
  await clock.advance(1000);
  t.equal(queue.length, 0);
});

t.test('a wait of nothing, less or no number is an add', async t => {
  const { queue } = make();
  queue.addAfter('a', 0);
  queue.addAfter('b', -5);
  queue.addAfter('c', Number.NaN);
  t.equal(queue.length, 3);
});

t.test('a wait longer than timers can be is kept', async t => {
  const { queue, clock } = make();
  const year = 365 * 86_400_000;
  queue.addAfter('a', year);
  await clock.advance(year - 1);
  t.equal(queue.length, 0);
  await clock.advance(1);
  t.equal(queue.length, 1);
});

t.test('backoff doubles per key up to its cap, until the key is forgotten', async t => {
  const { queue, clock } = make({ baseMs: 10, maxMs: 35 });
  const delays: number[] = [];
  for (let i = 0; i < 4; i++) {
    queue.addRateLimited('a');
    const start = clock.now();
    while (queue.length === 0) await clock.advance(1);
    delays.push(clock.now() - start);
    queue.done((await queue.get()) as string);
  }
  t.same(delays, [10, 20, 35, 35]);
  t.equal(queue.numRequeues('a'), 4);
  t.equal(queue.numRequeues('b'), 0);
  queue.forget('a');
  t.equal(queue.numRequeues('a'), 0);
  queue.addRateLimited('a');
  await clock.advance(10);
  t.equal(queue.length, 1);
});

t.test('with jitter the delay lies in the upper half of its bound', async t => {
  for (const [random, delay] of [
    [0, 5],
    [0.5, 7.5],
  ] as const) {
    const { queue, clock } = make({ baseMs: 10, random: () => random });
    queue.addRateLimited('a');
    await clock.advance(delay - 0.1);
    t.equal(queue.length, 0);
    await clock.advance(0.1);
    t.equal(queue.length, 1);
  }
});

t.test('a queue that is shut down hands out what is ready, takes nothing, and then says so', async t => {
  const { queue, clock } = make();
  queue.add('a');
  queue.addAfter('late', 10);
  const { queue: empty } = make();
  const waiting = empty.get();
  empty.shutDown();
  t.equal(await waiting, undefined);
  queue.shutDown();
  t.ok(queue.shuttingDown);
  queue.add('b');
  queue.addAfter('c', 0);
  queue.addRateLimited('d');
  await clock.advance(1000);
  t.equal(await queue.get(), 'a');
  t.equal(await queue.get(), undefined);
  t.equal(queue.numRequeues('d'), 0);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('a drain waits for what is being processed, and for what came back meanwhile', async t => {
  const { queue } = make();
  queue.add('a');
  await queue.get();
  queue.add('a');
  let drained = false;
  const drain = queue.shutDownWithDrain().then(() => {
    drained = true;
  });
  queue.done('a');
  await settle();
  t.notOk(drained, 'it was added while it was processed: once more');
  t.equal(await queue.get(), 'a');
  await settle();
  t.notOk(drained);
  queue.done('a');
  await drain;
  await queue.shutDownWithDrain();
});

t.test('done without get is ignored', async t => {
  const { queue } = make();
  queue.add('a');
  queue.done('a');
  queue.done('b');
  t.equal(queue.length, 1);
});

t.test('metrics tell depth, waiting, work, retries and what hangs', async t => {
  const metrics = new Metrics();
  const { queue, clock } = make({ metrics, name: 'q' });
  queue.add('a');
  queue.add('b');
  await clock.advance(2000);
  await queue.get();
  await clock.advance(3000);
  queue.addRateLimited('c');
  const value = async (line: string) => {
    const found = (await metrics.text()).split('\n').find(l => l.startsWith(`${line} `));
    return Number(found?.split(' ').at(-1));
  };
  t.equal(await value('workqueue_depth{name="q"}'), 1);
  t.equal(await value('workqueue_adds_total{name="q"}'), 2);
  t.equal(await value('workqueue_retries_total{name="q"}'), 1);
  t.equal(await value('workqueue_queue_duration_seconds_sum{name="q"}'), 2);
  t.equal(await value('workqueue_unfinished_work_seconds{name="q"}'), 3);
  t.equal(await value('workqueue_longest_running_processor_seconds{name="q"}'), 3);
  queue.done('a');
  t.equal(await value('workqueue_work_duration_seconds_sum{name="q"}'), 3);
  t.equal(await value('workqueue_unfinished_work_seconds{name="q"}'), 0);
});
