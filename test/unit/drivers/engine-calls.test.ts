import t from 'tap';
import type { EngineEvent, ImageProgress } from '../../../agent/driver.ts';
import { boundedCalls, knownOnce } from '../../../agent/drivers/bounded-calls.ts';
import { EventQueue } from '../../../agent/drivers/event-queue.ts';
import { SharedTasks } from '../../../agent/drivers/images/shared-tasks.ts';
import { Slots } from '../../../agent/drivers/images/slots.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

t.test('an engine that never answers is one that does not answer', async t => {
  const clock = new FakeClock();
  const { read, change } = boundedCalls({ engine: 'the engine', clock, readMs: 10, changeMs: 20 });
  const never = () => new Promise<never>(() => {});
  const failures: unknown[] = [];
  const expectFailure = (call: Promise<unknown>) => call.catch(error => failures.push(error));
  expectFailure(read('list', never));
  expectFailure(change('stop', never, 5));
  await clock.advance(10);
  t.match(failures, [
    { code: 'EngineUnavailable', message: 'the engine took a call (list) and gave no answer in time' },
  ]);
  await clock.advance(14);
  t.equal(failures.length, 1);
  await clock.advance(1);
  t.match(failures[1], { code: 'EngineUnavailable', message: /\(stop\)/ });
  t.equal(await read('list', async () => 'answer'), 'answer');
});

t.test('known once, until it fails or is forgotten', async t => {
  let asked = 0;
  let failure: Error | undefined;
  const facts = knownOnce(async () => {
    asked++;
    if (failure) throw failure;
    return asked;
  });
  t.equal(await facts.get(), 1);
  t.equal(await facts.get(), 1);
  facts.forget();
  failure = new Error('away');
  await t.rejects(facts.get(), failure);
  failure = undefined;
  t.equal(await facts.get(), 3);
});

async function rest(queue: EventQueue): Promise<EngineEvent[]> {
  const events: EngineEvent[] = [];
  for await (const event of queue) events.push(event);
  return events;
}

t.test('what waits is read in order, also after the end', async t => {
  const queue = new EventQueue();
  queue.push({ type: 'started', placement: 'a' });
  queue.push({ type: 'died', placement: 'b' });
  queue.close();
  queue.push({ type: 'removed' });
  t.same(await rest(queue), [
    { type: 'started', placement: 'a' },
    { type: 'died', placement: 'b' },
  ]);
});

t.test('a reader that waits is woken, and told why when it ends badly', async t => {
  const queue = new EventQueue();
  const reader = queue[Symbol.asyncIterator]();
  const next = reader.next();
  queue.push({ type: 'changed' });
  t.same((await next).value, { type: 'changed' });
  const last = reader.next();
  queue.fail(new Error('gone'));
  queue.close();
  await t.rejects(last, { message: 'gone' });
});

t.test('a reader that falls behind is told to look at everything', async t => {
  const queue = new EventQueue();
  for (let i = 0; i < 1001; i++) queue.push({ type: 'died', placement: `p${i}` });
  queue.push({ type: 'started', placement: 'last' });
  queue.close();
  t.same(await rest(queue), [{ type: 'changed' }, { type: 'started', placement: 'last' }]);
});

t.test('work is done once for all who ask, and anew for who asks later', async t => {
  const tasks = new SharedTasks<number>(new FakeClock());
  let runs = 0;
  const work = async () => {
    runs += 1;
    await settle();
    return runs;
  };
  t.same(await Promise.all([tasks.run('a', {}, work), tasks.run('a', {}, work)]), [1, 1]);
  t.equal(await tasks.run('a', {}, work), 2);
  await t.rejects(
    tasks.run('b', {}, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
});

t.test('who gives up only leaves; the last one ends the work', async t => {
  const tasks = new SharedTasks<void>(new FakeClock());
  let ended: AbortSignal | undefined;
  const work = (_: unknown, signal: AbortSignal) => {
    ended = signal;
    return new Promise<void>(() => {});
  };
  const [one, two] = [new AbortController(), new AbortController()];
  const first = tasks.run('a', { signal: one.signal }, work);
  const second = tasks.run('a', { signal: two.signal }, work);
  await settle();
  one.abort(new Error('one'));
  await t.rejects(first, { message: 'one' });
  t.equal(ended?.aborted, false);
  two.abort(new Error('two'));
  await t.rejects(second, { message: 'two' });
  t.equal(ended?.aborted, true);
  await t.rejects(tasks.run('a', { signal: AbortSignal.abort(new Error('late')) }, work), {
    message: 'late',
  });

  tasks.run('c', {}, work).catch(() => {});
  await settle();
  tasks.close(new Error('closed'));
  t.equal(ended?.reason.message, 'closed');
});

t.test('progress is told at a bounded rate, and at once to who joins late', async t => {
  const clock = new FakeClock();
  const tasks = new SharedTasks<void>(clock);
  const seen: ImageProgress[] = [];
  const late: ImageProgress[] = [];
  let report: (progress: ImageProgress) => void = () => {};
  let finish: () => void = () => {};
  const first = tasks.run('a', { onProgress: p => seen.push(p) }, r => {
    report = r;
    return new Promise(resolve => {
      finish = resolve;
    });
  });
  await settle();
  for (let percent = 0; percent < 100; percent++) {
    report({ phase: 'pulling', percent, message: 'pulling' });
    await clock.advance(20);
  }
  t.ok(seen.length >= 3 && seen.length <= 6, `${seen.length} of 100 in two seconds`);
  const second = tasks.run('a', { onProgress: p => late.push(p) }, async () => {});
  t.same(late, [seen.at(-1)]);
  report({ phase: 'building', message: 'building' });
  t.equal(seen.at(-1)?.phase, 'building', 'another phase is news');
  const told = seen.length;
  await clock.advance(1000);
  report({ phase: 'building', message: 'building' });
  t.equal(seen.length, told, 'the same is not');
  report({ phase: 'pulling', percent: 100, message: 'pulled' });
  t.equal(seen.at(-1)?.percent, 100);
  finish();
  await Promise.all([first, second]);
});

t.test('slots are given in order, and one who gives up while waiting takes none', async t => {
  const slots = new Slots(1);
  const order: string[] = [];
  let release: () => void = () => {};
  const busy = slots.run(() => new Promise<void>(resolve => (release = resolve)));
  const abort = new AbortController();
  const left = slots.run(async () => order.push('left'), abort.signal);
  const next = slots.run(async () => order.push('next'));
  const last = slots.run(async () => order.push('last'));
  abort.abort(new Error('left'));
  await t.rejects(left, { message: 'left' });
  t.same(order, []);
  release();
  await Promise.all([busy, next, last]);
  t.same(order, ['next', 'last']);
  await t.rejects(
    slots.run(async () => {}, AbortSignal.abort(new Error('late'))),
    { message: 'late' },
  );
  await t.rejects(
    slots.run(() => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  );
  t.equal(await slots.run(async () => 'free again'), 'free again');
});

t.test('a slot that comes at the moment its taker gives up goes to the next', async t => {
  const slots = new Slots(1);
  let release: () => void = () => {};
  const busy = slots.run(() => new Promise<void>(resolve => (release = resolve)));
  const abort = new AbortController();
  const left = slots.run(async () => 'never', abort.signal);
  await settle();
  release();
  abort.abort(new Error('left'));
  await busy;
  await left.catch(() => {});
  t.equal(await slots.run(async () => 'free'), 'free');
});
