import t from 'tap';
import type { Log } from '../../../controller/store/log.ts';
import { LogStore } from '../../../controller/store/log-store.ts';
import { resolveOptions, type StoreOptions } from '../../../controller/store/options.ts';
import { State } from '../../../controller/store/state.ts';
import { StoreError, type StoreEvent } from '../../../controller/store/store.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { keyOf, sample, take } from '../../support/store-objects.ts';

/** A log whose commits and sweeps end when the test says. */
function manualLog() {
  const commits: { events: readonly StoreEvent[]; done: () => void; fail: () => void }[] = [];
  const failure = new StoreError('Unavailable', 'no space left');
  const sweeps: number[] = [];
  const state = { swept: 0, isSweepBroken: false };
  const log: Log = {
    get swept() {
      return state.swept;
    },
    append: events =>
      new Promise((resolve, reject) => commits.push({ events, done: resolve, fail: () => reject(failure) })),
    sweep: async target => {
      sweeps.push(target);
      if (state.isSweepBroken) throw failure;
      state.swept = Math.min(target, state.swept + 2);
    },
    close: async () => {},
  };
  return { log, commits, sweeps, state };
}

function open(options: StoreOptions = {}) {
  const manual = manualLog();
  const resolved = resolveOptions(options);
  return { ...manual, store: new LogStore(new State(0, [], resolved), manual.log, resolved) };
}

t.test('while one commit is under way, what arrives gathers into the next', async t => {
  const { store, commits } = open();
  const first = store.create(keyOf('a'), sample('a'));
  await settle();
  const rest = ['b', 'c', 'd'].map(name => store.create(keyOf(name), sample(name)));
  await settle();
  t.equal(commits.length, 1);
  commits[0]?.done();
  await first;
  t.strictSame([store.revision, store.count('')], [1, 1]);
  await settle();
  t.strictSame(
    commits[1]?.events.map(e => e.revision),
    [2, 3, 4],
  );
  commits[1]?.done();
  await Promise.all(rest);
  t.equal(store.revision, 4);
});

t.test('a commit that fails refuses exactly its writes; its revisions are given out again', async t => {
  const { store, commits } = open();
  const watch = store.watch('', 0);
  const failing = Promise.allSettled([
    store.create(keyOf('a'), sample('a')),
    store.create(keyOf('a'), sample('a')),
    store.update(keyOf('none'), sample('none'), 1),
  ]);
  await settle();
  const next = store.create(keyOf('a'), sample('a', 'second'));
  commits[0]?.fail();
  t.strictSame(
    (await failing).map(r => r.status === 'rejected' && r.reason.code),
    ['Unavailable', 'Unavailable', 'NotFound'],
    'a refusal that rested on what failed is not told',
  );
  t.equal(store.count(''), 0);
  await settle();
  commits[1]?.done();
  t.equal((await next).object.metadata.resourceVersion, '1');
  t.strictSame(
    (await take(watch, 1)).map(e => e.revision),
    [1],
  );
});

t.test('compaction takes its steps between commits and stops when there is nothing to do', async t => {
  const { store, commits, sweeps } = open({ historyEvents: 1, compactEvery: 5 });
  const writes = Array.from({ length: 12 }, (_, i) => store.create(keyOf(`n${i}`), sample(`n${i}`)));
  await settle();
  const during = store.create(keyOf('x'), sample('x'));
  commits[0]?.done();
  await Promise.all(writes);
  await settle();
  t.equal(sweeps.length, 1);
  t.equal(commits.length, 2, 'a write does not wait for more than a step');
  commits[1]?.done();
  await during;
  await settle(20);
  t.equal(sweeps.length, 4);
  await settle(20);
  t.equal(sweeps.length, 4);
});

t.test('a compaction that fails is told to who asked and tried again later by itself', async t => {
  const clock = new FakeClock();
  const { store, commits, sweeps, state } = open({ clock, historyEvents: 1, compactEvery: 2 });
  const writes = [1, 2, 3, 4].map(i => store.create(keyOf(`n${i}`), sample(`n${i}`)));
  state.isSweepBroken = true;
  await settle();
  commits[0]?.done();
  await Promise.all(writes);
  await settle();
  t.equal(sweeps.length, 1);
  await t.rejects(store.compact(4), { code: 'Unavailable' });
  state.isSweepBroken = false;
  await clock.advance(30_000);
  await settle(20);
  t.equal(state.swept, 4);
  const pending = store.compact(4);
  await store.close();
  await pending;
  t.equal(clock.pending, 0, 'nothing goes on after the close');
});

t.test('a compaction that waits is refused when the store closes', async t => {
  const { store, commits } = open();
  const write = store.create(keyOf('a'), sample('a'));
  await settle();
  commits[0]?.done();
  await write;
  const late = store.compact(1);
  const closing = store.close();
  await t.rejects(late, { code: 'Closed' });
  await closing;
});
