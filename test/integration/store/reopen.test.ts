import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { createOperations } from '../../../controller/store/sqlite/operations.ts';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import { brief, keyOf, sample, specValue, take } from '../../support/store-objects.ts';
import { temporaryFolder } from './folder.ts';

t.test('after a restart a watch goes on where it was', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const first = await openSqliteStore({ file });
  await first.create(keyOf('a'), sample('a', 1));
  await first.update(keyOf('a'), sample('a', 2), 1);
  await first.delete(keyOf('a'), 2);
  await first.create(keyOf('b'), sample('b'));
  await first.close();
  const second = await openSqliteStore({ file });
  t.teardown(() => second.close());
  const events = await take(second.watch('', 1), 3);
  t.strictSame(events.map(brief), ['~a', '-a', '+b']);
  t.equal(specValue(events[0]?.previous?.object), 1);
  t.equal(events[1]?.entry.object.metadata.resourceVersion, '3');
  t.equal(second.list('', { revision: 2 }).entries[0]?.revision, 2);
});

t.test('revisions never go back, also when the last ones were deletions that were compacted', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const first = await openSqliteStore({ file });
  await first.create(keyOf('a'), sample('a'));
  await first.delete(keyOf('a'), 1);
  await first.compact(2);
  await first.close();
  const second = await openSqliteStore({ file });
  t.teardown(() => second.close());
  t.strictSame([second.revision, second.compactRevision, second.count('')], [2, 2, 0]);
  t.throws(() => second.watch('', 1), { code: 'Compacted' });
  t.equal((await second.create(keyOf('a'), sample('a'))).revision, 3);
});

t.test('the database compacts itself: a log of many updates stays small', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const options = { file, historyEvents: 100, compactEvery: 200 };
  const first = await openSqliteStore(options);
  let entries = await Promise.all(['a', 'b', 'c', 'd'].map(n => first.create(keyOf(n), sample(n))));
  for (let i = 0; i < 700; i++) {
    entries = await Promise.all(
      entries.map(e => first.update(e.key, sample(e.object.metadata.name, i), e.revision)),
    );
  }
  const { revision } = first;
  await first.compact(revision);
  await first.close();
  const db = new DatabaseSync(file);
  t.strictSame(db.prepare('SELECT count(*) AS n FROM log').get()?.n, 4);
  db.close();
  const second = await openSqliteStore(options);
  t.teardown(() => second.close());
  t.strictSame(
    second.list('').entries.map(e => specValue(e.object)),
    [699, 699, 699, 699],
  );
  t.equal(second.revision, revision);
});

t.test('a server that ended in the middle of a compaction starts with what was there', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const first = await openSqliteStore({ file });
  await first.create(keyOf('gone'), sample('gone'));
  let entry = await first.create(keyOf('a'), sample('a'));
  for (let i = 0; i < 600; i++) entry = await first.update(entry.key, sample('a', i), entry.revision);
  await first.delete(keyOf('gone'), 1);
  entry = await first.update(entry.key, sample('a', 'last'), entry.revision);
  await first.close();
  const operations = createOperations();
  operations.open(file, 'server');
  t.ok(operations.sweep(entry.revision) < entry.revision, 'one step of several');
  operations.close();
  const second = await openSqliteStore({ file });
  t.teardown(() => second.close());
  t.strictSame([second.revision, second.compactRevision], [entry.revision, entry.revision]);
  t.strictSame(
    second.list('').entries.map(e => specValue(e.object)),
    ['last'],
  );
  await second.compact(entry.revision);
  const db = new DatabaseSync(file);
  t.strictSame(
    db
      .prepare('SELECT revision FROM log')
      .all()
      .map(r => r.revision),
    [entry.revision],
    'and goes on',
  );
  db.close();
});

t.test('everything that holds secrets is readable by its owner alone', async t => {
  const folder = join(temporaryFolder(t), 'made', 'for', 'it');
  const store = await openSqliteStore({ file: join(folder, 'nexus.db') });
  t.teardown(() => store.close());
  await store.create(keyOf('a'), sample('a'));
  await store.backup(join(folder, 'backup.db'));
  const files = readdirSync(folder).sort();
  t.strictSame(files, ['backup.db', 'nexus.db', 'nexus.db-shm', 'nexus.db-wal', 'nexus.db.lock']);
  for (const file of files) t.equal(statSync(join(folder, file)).mode & 0o077, 0, file);
  t.equal(statSync(folder).mode & 0o077, 0);
});
