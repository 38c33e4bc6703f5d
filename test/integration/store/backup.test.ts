import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import type { ListResult, Store } from '../../../controller/store/store.ts';
import { keyOf, sample, specValue } from '../../support/store-objects.ts';
import { temporaryFolder } from './folder.ts';

const content = (list: ListResult) => list.entries.map(e => [e.key, specValue(e.object)]);

/** Writes with several writers until told to stop. */
function busy(store: Store): () => Promise<void> {
  let isStopped = false;
  const write = async (writer: number) => {
    for (let i = 0; !isStopped; i++) {
      const name = `w${writer}-${i % 20}`;
      const current = store.get(keyOf(name));
      const done = !current
        ? store.create(keyOf(name), sample(name, i))
        : i % 7 === 0
          ? store.delete(current.key, current.revision)
          : store.update(current.key, sample(name, i), current.revision);
      // A restore came in between.
      await done.catch(error => {
        if (!['Exists', 'NotFound', 'Conflict'].includes(error.code)) throw error;
      });
    }
  };
  const writers = Promise.all(Array.from({ length: 8 }, (_, i) => write(i)));
  return async () => {
    isStopped = true;
    await writers;
  };
}

t.test('a backup made during writes is the state of one revision', async t => {
  const folder = temporaryFolder(t);
  const store = await openSqliteStore({ file: join(folder, 'nexus.db'), historyEvents: 1_000_000 });
  t.teardown(() => store.close());
  const stop = busy(store);
  await store.waitFor(200);
  const backups = [];
  for (let i = 0; i < 3; i++) {
    const file = join(folder, `backup-${i}.db`);
    backups.push({ file, ...(await store.backup(file)) });
  }
  await stop();
  for (const { file, revision } of backups) {
    const copy = createMemoryStore();
    await copy.restore(file);
    t.strictSame(content(copy.list('')), content(store.list('', { revision })));
    await copy.close();
  }
  t.notOk(
    readdirSync(folder).some(name => name.includes('tmp')),
    'nothing is left beside them',
  );
});

t.test('a restore during writes is one step that everybody sees, and survives a restart', async t => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'nexus.db');
  const store = await openSqliteStore({ file });
  const big = 'x'.repeat(4_000);
  await Promise.all(
    Array.from({ length: 3_000 }, (_, i) => store.create(keyOf(`n${i}`, 'big'), sample(`n${i}`, big + i))),
  );
  const { revision } = await store.backup(join(folder, 'backup.db'));
  for (const entry of store.list(keyOf('', 'big')).entries.slice(0, 2_500))
    await store.delete(entry.key, entry.revision);
  const stop = busy(store);
  await store.waitFor(revision + 2_600);
  const states = new Set<number>();
  const watch = store.watch(keyOf('', 'big'), store.revision);
  const watching = (async () => {
    for await (const batch of watch) {
      states.add(store.count(keyOf('', 'big')));
      if (batch.length > 1) return batch.length;
    }
    return 0;
  })();
  const restored = await store.restore(join(folder, 'backup.db'));
  t.ok(restored.changed >= 2_500);
  t.equal(await watching, 2_500, 'one group, larger than what may usually wait');
  t.strictSame([...states], [3_000], 'no state in between is seen');
  await stop();
  const before = content(store.list(''));
  await store.close();
  const again = await openSqliteStore({ file });
  t.strictSame(content(again.list('')), before);
  await again.close();
});

t.test(
  'a backup put in the place of a database is taken up, past all revisions its former server gave out',
  async t => {
    const folder = temporaryFolder(t);
    const former = await openSqliteStore({ file: join(folder, 'former.db') });
    await former.create(keyOf('a'), sample('a'));
    await former.create(keyOf('b'), sample('b'));
    await former.delete(keyOf('b'), 2);
    await former.backup(join(folder, 'backup.db'));
    await former.create(keyOf('c'), sample('c'));
    await former.close();
    const file = join(folder, 'nexus.db');
    copyFileSync(join(folder, 'backup.db'), file);
    for (const revision of [1_000_000_003, 1_000_000_004]) {
      const store = await openSqliteStore({ file });
      t.equal(store.revision, revision, 'once, not at every start');
      t.throws(() => store.watch('', 4), { code: 'Compacted' });
      t.equal(store.get(keyOf('a'))?.revision, 1);
      await store.create(keyOf(`n${revision}`), sample('n'));
      await store.close();
    }
  },
);

t.test('a server’s own files, moved away with their write-ahead log, can be restored as well', async t => {
  const folder = temporaryFolder(t);
  const store = await openSqliteStore({ file: join(folder, 'nexus.db') });
  await store.create(keyOf('a'), sample('a', 'in the write-ahead log'));
  for (const end of ['', '-wal'])
    copyFileSync(join(folder, `nexus.db${end}`), join(folder, `moved.db${end}`));
  await store.close();
  const other = createMemoryStore();
  await other.restore(join(folder, 'moved.db'));
  t.equal(specValue(other.get(keyOf('a'))?.object), 'in the write-ahead log');
  await other.close();
});

t.test('the server’s own database is neither overwritten by a backup nor restored from', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const store = await openSqliteStore({ file });
  t.teardown(() => store.close());
  await t.rejects(store.backup(file), { code: 'Unavailable' });
  await t.rejects(store.restore(file), { code: 'Unavailable' });
  await store.create(keyOf('a'), sample('a'));
});
