import { chmodSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { StoreOptions } from '../../controller/store/options.ts';
import type { Store } from '../../controller/store/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { brief, keyOf, sample, specValue, take } from '../support/store-objects.ts';

/** Opens an empty store that the test closes. */
export type OpenStore = (t: Test, options?: StoreOptions) => Promise<Store>;

const PREFIX = '/nexus.dev/workspaces/';

/** What every Store promises. */
export function storeConformance(t: Test, open: OpenStore): void {
  t.test('a new store is at revision 0 and empty', async t => {
    const store = await open(t);
    t.equal(store.revision, 0);
    t.equal(store.compactRevision, 0);
    t.strictSame(store.list(''), { revision: 0, entries: [], remaining: 0 });
    t.equal(store.get(keyOf('a')), undefined);
    t.equal(store.count(''), 0);
  });

  t.test('a create is read back with its revision as its resourceVersion, in object and JSON', async t => {
    const store = await open(t);
    const input = sample('a', { text: 'ünï\u2028\ud83d\ude00\u0000', list: [1, null, true] });
    const entry = await store.create(keyOf('a'), input);
    t.match(entry, { key: keyOf('a'), revision: 1, createRevision: 1 });
    t.equal(entry.object.metadata.resourceVersion, '1');
    t.strictSame(JSON.parse(entry.json), { ...input, metadata: { ...input.metadata, resourceVersion: '1' } });
    t.equal(entry.json, entry.json, 'made once');
    t.equal(store.get(keyOf('a')), entry);
    t.equal(store.revision, 1);
    t.notOk('resourceVersion' in input.metadata, 'what was passed in is left alone');
  });

  t.test('a create of what is there is refused with the entry that is there', async t => {
    const store = await open(t);
    const first = await store.create(keyOf('a'), sample('a'));
    await t.rejects(store.create(keyOf('a'), sample('a', 1)), { code: 'Exists', current: first });
    t.equal(store.revision, 1, 'a refusal takes no revision');
  });

  t.test('an update needs the current revision and keeps the revision of the create', async t => {
    const store = await open(t);
    const first = await store.create(keyOf('a'), sample('a'));
    await t.rejects(store.update(keyOf('b'), sample('b'), 1), { code: 'NotFound', current: undefined });
    await t.rejects(store.update(keyOf('a'), sample('a', 1), 7), { code: 'Conflict', current: first });
    const second = await store.update(keyOf('a'), sample('a', 1), 1);
    t.match(second, { revision: 2, createRevision: 1 });
    t.equal(specValue(store.get(keyOf('a'))?.object), 1);
    await t.rejects(store.update(keyOf('a'), sample('a', 2), 1), { code: 'Conflict', current: second });
  });

  t.test(
    'a delete needs the current revision and returns the last state at the revision of the delete',
    async t => {
      const store = await open(t);
      await store.create(keyOf('a'), sample('a', 5));
      await t.rejects(store.delete(keyOf('b'), 1), { code: 'NotFound' });
      await t.rejects(store.delete(keyOf('a'), 9), { code: 'Conflict' });
      const last = await store.delete(keyOf('a'), 1);
      t.match(last, { revision: 2, createRevision: 1 });
      t.equal(last.object.metadata.resourceVersion, '2');
      t.equal(specValue(last.object), 5);
      t.equal(store.get(keyOf('a')), undefined);
      t.equal(store.count(PREFIX), 0);
      const again = await store.create(keyOf('a'), sample('a', 6));
      t.match(again, { revision: 3, createRevision: 3 });
    },
  );

  t.test('writes made at once are decided in the order in which they were made', async t => {
    const store = await open(t);
    const results = await Promise.allSettled([
      store.create(keyOf('a'), sample('a', 1)),
      store.create(keyOf('a'), sample('a', 2)),
      store.update(keyOf('a'), sample('a', 3), 1),
      store.delete(keyOf('a'), 1),
      store.delete(keyOf('a'), 2),
      store.update(keyOf('a'), sample('a', 4), 2),
      store.create(keyOf('a'), sample('a', 5)),
    ]);
    t.strictSame(
      results.map(r => (r.status === 'fulfilled' ? r.value.revision : r.reason.code)),
      [1, 'Exists', 2, 'Conflict', 3, 'NotFound', 4],
    );
    t.equal(specValue(store.get(keyOf('a'))?.object), 5);
  });

  t.test('a write is seen by nobody before it has resolved', async t => {
    const store = await open(t);
    const write = store.create(keyOf('a'), sample('a'));
    t.equal(store.get(keyOf('a')), undefined);
    t.equal(store.revision, 0);
    await write;
    t.equal(store.count(''), 1);
  });

  t.test('an object that is no JSON fails its own write and no other', async t => {
    const store = await open(t);
    const loop = sample('a');
    loop.spec.value = loop;
    const results = await Promise.allSettled([
      store.create(keyOf('a'), loop),
      store.create(keyOf('b'), sample('b')),
    ]);
    t.match(results, [{ status: 'rejected' }, { status: 'fulfilled', value: { revision: 1 } }]);
  });

  t.test('a key that is no plain text is refused', async t => {
    const store = await open(t);
    await t.rejects(store.create('/a\0b', sample('a')), TypeError);
    await t.rejects(store.create('/a\ud800', sample('a')), TypeError);
    t.equal(store.revision, 0);
  });

  t.test('a list is in key order, of one prefix, and pages by key', async t => {
    const store = await open(t);
    for (const name of ['c', 'a', 'e', 'b', 'd']) await store.create(keyOf(name), sample(name));
    await store.create(keyOf('x', 'default2'), sample('x'));
    await store.create('/core/secrets/default/a', sample('a'));
    const names = (options?: Parameters<Store['list']>[1]) => {
      const { entries, remaining } = store.list(keyOf(''), options);
      return [entries.map(e => e.object.metadata.name).join(''), remaining];
    };
    t.strictSame(names(), ['abcde', 0]);
    t.strictSame(names({ limit: 2 }), ['ab', 3]);
    t.strictSame(names({ limit: 2, after: keyOf('b') }), ['cd', 1]);
    t.strictSame(names({ after: keyOf('bb') }), ['cde', 0], 'the key to go on after need not be there');
    t.strictSame(names({ after: keyOf('e') }), ['', 0]);
    t.strictSame(names({ limit: 0 }), ['', 5]);
    t.equal(store.count(keyOf('')), 5);
    t.equal(store.count(PREFIX), 6);
    t.equal(store.count('/nexus.dev/none/'), 0);
    t.equal(store.list('').entries.length, 7);
  });

  t.test('a list at an older revision is what the list was then, page by page', async t => {
    const store = await open(t);
    for (const name of ['b', 'd', 'f']) await store.create(keyOf(name), sample(name, 'old'));
    const then = store.revision;
    await store.update(keyOf('d'), sample('d', 'new'), 2);
    await store.create(keyOf('a'), sample('a', 'new'));
    await store.delete(keyOf('b'), 1);
    await store.delete(keyOf('f'), 3);
    await store.create(keyOf('f'), sample('f', 'new'));
    const pages: string[] = [];
    let after: string | undefined;
    for (let remaining = 1; remaining > 0; ) {
      const page = store.list(keyOf(''), { revision: then, limit: 1, ...(after && { after }) });
      t.equal(page.revision, then);
      pages.push(...page.entries.map(e => `${e.object.metadata.name}:${specValue(e.object)}@${e.revision}`));
      ({ remaining } = page);
      after = page.entries.at(-1)?.key;
    }
    t.strictSame(pages, ['b:old@1', 'd:old@2', 'f:old@3']);
    t.strictSame(store.list(keyOf(''), { revision: 0 }).entries, []);
    t.throws(() => store.list('', { revision: store.revision + 1 }), { code: 'FutureRevision' });
  });

  t.test('a watch gets what was and what comes after its revision, each once and in order', async t => {
    const store = await open(t);
    await store.create(keyOf('a'), sample('a', 1));
    await store.create(keyOf('b'), sample('b', 1));
    const watch = store.watch(PREFIX, 1);
    t.equal(watch.revision, 1, 'an event waits');
    const early = take(watch, 4);
    await store.update(keyOf('a'), sample('a', 2), 1);
    await store.create('/core/secrets/default/s', sample('s'));
    await store.delete(keyOf('a'), 3);
    await store.create(keyOf('c'), sample('c'));
    const events = await early;
    t.strictSame(events.map(brief), ['+b', '~a', '-a', '+c']);
    t.strictSame(
      events.map(e => e.revision),
      [2, 3, 5, 6],
    );
    t.strictSame(
      events.map(e => e.entry.object.metadata.resourceVersion),
      ['2', '3', '5', '6'],
    );
    t.equal(specValue(events[1]?.previous?.object), 1);
    t.equal(specValue(events[2]?.entry.object), 2, 'a delete tells the last state');
    t.equal(events[2]?.previous?.revision, 3);
    t.equal(watch.revision, 6);
    await store.create('/core/secrets/default/t', sample('t'));
    t.equal(watch.revision, 7, 'it knows that nothing of what came since concerns it');
    watch.close();
  });

  t.test('watches of a folder, a part of a name, a key and everything each get their own', async t => {
    const store = await open(t);
    const prefixes = ['', '/', PREFIX, keyOf(''), keyOf('a'), keyOf('', 'other'), '/core/'];
    const watches = prefixes.map(prefix => store.watch(prefix, 0));
    for (const name of ['a', 'ab', 'b']) await store.create(keyOf(name), sample(name));
    await store.create(keyOf('z', 'other'), sample('z'));
    const seen = [];
    for (const [i, count] of [4, 4, 4, 3, 2, 1, 0].entries())
      seen.push((await take(watches[i]!, count)).map(brief).join(''));
    t.strictSame(seen, ['+a+ab+b+z', '+a+ab+b+z', '+a+ab+b+z', '+a+ab+b', '+a+ab', '+z', '']);
    for (const watch of watches) t.equal(watch.revision, 4, 'nothing more waits');
  });

  t.test('a watch that is closed, or left by its reader, ends', async t => {
    const store = await open(t);
    const closed = store.watch('', 0);
    const pending = closed[Symbol.asyncIterator]().next();
    closed.close();
    closed.close();
    t.strictSame(await pending, { done: true, value: undefined });
    const left = store.watch('', 0);
    await store.create(keyOf('a'), sample('a'));
    for await (const batch of left) {
      t.strictSame(batch.map(brief), ['+a']);
      break;
    }
    await store.create(keyOf('b'), sample('b'));
    t.strictSame(await left[Symbol.asyncIterator]().next(), { done: true, value: undefined });
  });

  t.test('two readers of one watch share its events', async t => {
    const store = await open(t);
    const iterator = store.watch('', 0)[Symbol.asyncIterator]();
    const both = Promise.all([iterator.next(), iterator.next()]);
    await store.create(keyOf('a'), sample('a'));
    await store.create(keyOf('b'), sample('b'));
    t.strictSame(
      (await both).flatMap(r => r.value?.map(brief)),
      ['+a', '+b'],
    );
    await iterator.return?.();
  });

  t.test('a watcher that falls behind is cut off, and one that reads is not', async t => {
    const store = await open(t, { watchBuffer: 3 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) await store.create(keyOf(name), sample(name));
    const slow = store.watch(PREFIX, 0);
    const busy = store.watch(PREFIX, 0);
    const reading = take(busy, 9);
    for (const name of ['f', 'g', 'h']) await store.create(keyOf(name), sample(name));
    t.equal(slow.revision, 0, 'what was there at the start does not count, however much it is');
    await store.create(keyOf('i'), sample('i'));
    const iterator = slow[Symbol.asyncIterator]();
    await t.rejects(iterator.next(), { code: 'TooSlow' });
    t.strictSame(await iterator.next(), { done: true, value: undefined });
    t.equal((await reading).length, 9);
    busy.close();
  });

  t.test('history before a compaction is refused, and what is current is not touched', async t => {
    const store = await open(t);
    for (let i = 0; i < 5; i++) await store.create(keyOf(`n${i}`), sample(`n${i}`));
    await store.delete(keyOf('n0'), 1);
    const watch = store.watch(PREFIX, 2);
    await store.compact(4);
    t.equal(store.compactRevision, 4);
    t.throws(() => store.watch(PREFIX, 3), { code: 'Compacted' });
    t.throws(() => store.list(PREFIX, { revision: 3 }), { code: 'Compacted' });
    t.equal(store.list(PREFIX, { revision: 4 }).entries.length, 4);
    t.equal(store.list(PREFIX).entries.length, 4);
    t.strictSame((await take(store.watch(PREFIX, 4), 2)).map(brief), ['+n4', '-n0']);
    t.strictSame(
      (await take(watch, 4)).map(brief),
      ['+n2', '+n3', '+n4', '-n0'],
      'who watched already misses nothing',
    );
    await store.compact(2);
    t.equal(store.compactRevision, 4, 'never goes back');
    await t.rejects(store.compact(7), { code: 'FutureRevision' });
    t.throws(() => store.watch(PREFIX, 7), { code: 'FutureRevision' });
  });

  t.test('history is bounded in number, size and age', async t => {
    const clock = new FakeClock();
    const store = await open(t, { clock, historyEvents: 10, historyBytes: 2_000, historyAgeMs: 60_000 });
    let revision = 0;
    const write = async (value: unknown) => {
      const at = store.get(keyOf('a'))?.revision;
      const entry = at
        ? await store.update(keyOf('a'), sample('a', value), at)
        : await store.create(keyOf('a'), sample('a', value));
      revision = entry.revision;
    };
    for (let i = 0; i < 25; i++) await write(i);
    t.equal(store.compactRevision, revision - 10);
    for (let i = 0; i < 5; i++) await write('x'.repeat(900));
    t.equal(store.compactRevision, revision - 1, 'two of a thousand bytes are more than the limit');
    await clock.advance(40_000);
    await write(0);
    await clock.advance(50_000);
    t.equal(store.compactRevision, revision - 1, 'the older one is forgotten');
    await clock.advance(60_000);
    t.equal(store.compactRevision, revision);
    t.equal(store.count(''), 1);
  });

  t.test('waitFor resolves when the revision is there and rejects when it is given up', async t => {
    const store = await open(t);
    await store.waitFor(0);
    const reached: number[] = [];
    const waits = [2, 1].map(revision => store.waitFor(revision).then(() => reached.push(revision)));
    const control = new AbortController();
    const given = store.waitFor(3, control.signal);
    await store.create(keyOf('a'), sample('a'));
    await store.create(keyOf('b'), sample('b'));
    await Promise.all(waits);
    t.strictSame(reached, [1, 2]);
    control.abort(new Error('enough'));
    await t.rejects(given, { message: 'enough' });
    await t.rejects(store.waitFor(9, AbortSignal.abort(new Error('before'))), { message: 'before' });
  });

  t.test('more waiting writes than allowed are refused, and those before them are not', async t => {
    const store = await open(t, { maxWaitingWrites: 2 });
    const results = await Promise.allSettled(['a', 'b', 'c'].map(n => store.create(keyOf(n), sample(n))));
    t.match(results, [{ status: 'fulfilled' }, { status: 'fulfilled' }, { reason: { code: 'Unavailable' } }]);
    await store.create(keyOf('c'), sample('c'));
  });

  t.test('closing commits what was accepted, ends watches and refuses the rest', async t => {
    const store = await open(t);
    const watch = store.watch('', 0);
    const waiting = store.waitFor(5);
    const write = store.create(keyOf('a'), sample('a'));
    const closing = store.close();
    t.equal(store.close(), closing, 'closing twice is closing once');
    t.equal((await write).revision, 1);
    await t.rejects(waiting, { code: 'Closed' });
    await closing;
    t.strictSame(await watch[Symbol.asyncIterator]().next(), { done: true, value: undefined });
    await t.rejects(store.create(keyOf('b'), sample('b')), { code: 'Closed' });
    await t.rejects(store.waitFor(9), { code: 'Closed' });
    await t.rejects(store.compact(1), { code: 'Closed' });
    await t.rejects(store.backup('/nowhere/at/all'), { code: 'Closed' });
    await t.rejects(store.restore('/nowhere/at/all'), { code: 'Closed' });
    t.throws(() => store.watch('', 0), { code: 'Closed' });
    t.equal(store.get(keyOf('a'))?.revision, 1, 'reading goes on');
  });

  t.test('a backup is restored as new revisions that every watcher sees', async t => {
    const store = await open(t);
    const file = join(mkdtempSync(join(tmpdir(), 'nexus-store-')), 'a backup.db');
    t.teardown(() => import('node:fs/promises').then(fs => fs.rm(join(file, '..'), { recursive: true })));
    for (const name of ['same', 'changed', 'gone', 'replaced'])
      await store.create(keyOf(name), sample(name, 1));
    const { revision, bytes } = await store.backup(file);
    t.equal(revision, 4);
    t.equal(statSync(file).size, bytes);
    t.equal(statSync(file).mode & 0o777, 0o600);
    await store.update(keyOf('changed'), sample('changed', 2), 2);
    await store.delete(keyOf('gone'), 3);
    await store.delete(keyOf('replaced'), 4);
    const other = sample('replaced', 1);
    await store.create(keyOf('replaced'), { ...other, metadata: { ...other.metadata, uid: 'another' } });
    await store.create(keyOf('new'), sample('new', 1));
    const before = store.revision;
    const watch = store.watch(PREFIX, before);
    t.strictSame(await store.restore(file), { revision: 14, changed: 4 });
    t.equal(store.revision, 14);
    const events = await take(watch, 5);
    t.strictSame(events.map(brief), ['-new', '~changed', '+gone', '-replaced', '+replaced']);
    t.strictSame(
      events.map(e => e.revision),
      [10, 11, 12, 13, 14],
    );
    t.strictSame(
      events.map(e => e.entry.object.metadata.resourceVersion),
      ['10', '11', '12', '13', '14'],
    );
    t.strictSame(
      store.list(PREFIX).entries.map(e => specValue(e.object)),
      [1, 1, 1, 1],
    );
    t.equal(store.get(keyOf('replaced'))?.object.metadata.uid, 'uid-replaced');
    t.equal(store.get(keyOf('same'))?.revision, 1, 'what is the same is not written');
    t.strictSame(await store.restore(file), { revision: 14, changed: 0 });
  });

  t.test('a backup from a longer life is restored past every revision that one may have reached', async t => {
    const file = join(mkdtempSync(join(tmpdir(), 'nexus-store-')), 'backup.db');
    t.teardown(() => import('node:fs/promises').then(fs => fs.rm(join(file, '..'), { recursive: true })));
    const old = await open(t);
    for (let i = 0; i < 20; i++) await old.create(keyOf(`n${i}`), sample(`n${i}`));
    await old.backup(file);
    const store = await open(t);
    await store.create(keyOf('bootstrap'), sample('bootstrap'));
    const watch = store.watch('', 1);
    const { revision, changed } = await store.restore(file);
    t.equal(changed, 21);
    t.equal(revision, 20 + 1_000_000_000 + 21);
    t.equal((await take(watch, 21)).length, 21);
    t.throws(() => store.watch('', 500), { code: 'Compacted' });
    t.equal(store.compactRevision, 1_000_000_020);
    t.equal((await store.create(keyOf('z'), sample('z'))).revision, revision + 1);
  });

  t.test('what is no backup is refused and changes nothing', async t => {
    const store = await open(t);
    const folder = mkdtempSync(join(tmpdir(), 'nexus-store-'));
    t.teardown(() => import('node:fs/promises').then(fs => fs.rm(folder, { recursive: true })));
    await store.create(keyOf('a'), sample('a'));
    const file = join(folder, 'backup.db');
    await t.rejects(store.restore(file), { code: 'Unavailable' }, 'not there');
    writeFileSync(file, '');
    await t.rejects(store.restore(file), { code: 'Corrupt' }, 'empty');
    writeFileSync(file, 'apiVersion: v1\n'.repeat(1000));
    await t.rejects(store.restore(file), { code: 'Corrupt' }, 'something else');
    await t.rejects(store.backup(join(folder, 'no', 'such', 'folder')), { code: 'Unavailable' });
    chmodSync(folder, 0o700);
    t.equal(store.revision, 1);
    t.equal((await store.create(keyOf('b'), sample('b'))).revision, 2, 'the store goes on');
  });

  t.test('options that would keep nothing are refused', async t => {
    await t.rejects(open(t, { historyEvents: 0 }), RangeError);
    await t.rejects(open(t, { watchBuffer: Number.NaN }), RangeError);
  });
}
