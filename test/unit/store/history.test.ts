import t from 'tap';
import { StoredEntry } from '../../../controller/store/entry.ts';
import { History } from '../../../controller/store/history.ts';
import type { StoreEvent } from '../../../controller/store/store.ts';

const limits = { historyEvents: 5, historyBytes: 1_000, historyAgeMs: 100 };
const event = (revision: number, json = '{}'): StoreEvent => ({
  type: 'PUT',
  revision,
  entry: new StoredEntry('/a', json, { revision, createRevision: 1 }),
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => event(from + i));
const revisions = (history: History, since: number) => [...history.since(since)].map(e => e.revision);

t.test('a group larger than the limit leaves its newest events', async t => {
  const history = new History(10, limits);
  history.push(range(11, 20), 0);
  t.strictSame([history.start, history.end], [15, 20]);
  t.strictSame(revisions(history, 15), [16, 17, 18, 19, 20]);
  t.strictSame(revisions(history, 18), [19, 20]);
  t.strictSame(revisions(history, 20), []);
});

t.test('one event larger than the limit is not kept', async t => {
  const history = new History(0, limits);
  history.push([event(1, 'x'.repeat(2_000))], 0);
  t.strictSame([history.start, history.end], [1, 1]);
  history.push([event(2)], 0);
  t.strictSame(revisions(history, 1), [2]);
});

t.test('a group after a gap is all the history there is', async t => {
  const history = new History(0, limits);
  history.push(range(1, 3), 0);
  history.push(range(101, 102), 0);
  t.strictSame([history.start, history.end], [100, 102]);
  t.strictSame(revisions(history, 100), [101, 102]);
});

t.test('groups older than the limit go, younger ones stay, whatever was trimmed before', async t => {
  const history = new History(0, limits);
  history.push(range(1, 2), 0);
  history.push(range(3, 3), 50);
  history.push(range(4, 4), 90);
  history.trim(1);
  history.expire(99);
  t.equal(history.start, 1);
  history.expire(100);
  t.equal(history.start, 2);
  history.expire(160);
  t.equal(history.start, 3);
  history.trim(99);
  t.strictSame([history.start, history.end], [4, 4], 'never beyond the end');
});

t.test('a long life costs no more than the limit', async t => {
  const history = new History(0, { ...limits, historyEvents: 100 });
  for (let revision = 1; revision <= 20_000; revision++) history.push([event(revision)], revision);
  t.strictSame([history.start, history.end], [19_900, 20_000]);
  t.equal(revisions(history, 19_900).length, 100);
});
