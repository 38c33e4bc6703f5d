import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { Database } from '../../../controller/store/sqlite/database.ts';
import type { Row } from '../../../controller/store/sqlite/row.ts';
import { META } from '../../../controller/store/sqlite/schema.ts';

function open(t: Test): { db: Database; file: string; sql: (query: string) => unknown[] } {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-store-'));
  const file = join(folder, 'nexus.db');
  const db = new Database(file, 'server');
  db.createViews();
  const other = new DatabaseSync(file);
  t.teardown(() => {
    other.close();
    db.close();
    rmSync(folder, { recursive: true });
  });
  return {
    db,
    file,
    sql: query =>
      /^select/i.test(query)
        ? other
            .prepare(query)
            .all()
            .map(r => Object.values(r))
        : [other.exec(query)],
  };
}

const created = (revision: number, key: string): Row => [
  revision,
  key,
  1,
  0,
  revision,
  0,
  `{"v":${revision}}`,
];
const updated = (revision: number, key: string, prev: number): Row => [
  revision,
  key,
  0,
  0,
  1,
  prev,
  `{"v":${revision}}`,
];
const deleted = (revision: number, key: string, prev: number): Row => [
  revision,
  key,
  0,
  1,
  1,
  prev,
  `{"v":${revision}}`,
];
const commit = (base: number) => ({ base, commit: true });

t.test('rows come back in order, as they were, in pieces', async t => {
  const { db } = open(t);
  const rows = [created(1, '/a'), created(2, '/b'), updated(3, '/a', 1), deleted(4, '/b', 2)];
  db.append(rows, commit(0));
  t.strictSame(db.read(1), rows.slice(0, 1));
  t.strictSame(db.read(1_000), rows.slice(1));
  t.strictSame(db.read(1_000), []);
  t.strictSame(db.read(1_000), rows, 'and once more from the start');
});

t.test('rows of several calls are in the file all together or not at all', async t => {
  const { db, sql } = open(t);
  db.append([created(1, '/a')], { base: 0, commit: false });
  t.strictSame(sql('SELECT count(*) FROM log'), [[0]]);
  db.append([created(2, '/b')], { base: 0, commit: true, compactTo: 0 });
  t.strictSame(sql('SELECT count(*) FROM log'), [[2]]);
  db.append([created(3, '/c')], { base: 2, commit: false });
  t.throws(() => db.append([created(3, '/d')], { base: 2, commit: true }), { code: 'Unavailable' });
  t.strictSame(sql('SELECT key FROM log'), [['/a'], ['/b']]);
  db.append([created(3, '/e')], commit(2));
  t.strictSame(sql('SELECT key FROM log WHERE revision = 3'), [['/e']]);
});

t.test('after a commit that failed and could not be undone, the next one undoes it first', async t => {
  const { db, sql } = open(t);
  db.append([created(1, '/a')], commit(0));
  // Both the write and its repair are refused while this is there, as on a disk that fails.
  sql(`CREATE TRIGGER broken BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`);
  sql(`CREATE TRIGGER stuck BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`);
  t.throws(() => db.append([created(2, '/b')], commit(1)), { code: 'Unavailable' });
  t.throws(() => db.append([created(2, '/c')], commit(1)), { code: 'Unavailable' });
  sql('DROP TRIGGER broken; DROP TRIGGER stuck');
  // What a commit leaves that failed to report its success.
  sql(`INSERT INTO log VALUES (2, '/ghost', 1, 0, 2, 0, '{}', 0)`);
  db.append([created(2, '/d')], commit(1));
  t.strictSame(sql('SELECT revision, key FROM log'), [
    [1, '/a'],
    [2, '/d'],
  ]);
  t.equal(db.meta(META.repairs), 1);
});

t.test('sweeping removes what was superseded at the target, in steps, and nothing else', async t => {
  const { db, sql } = open(t);
  const rows = [created(1, '/a'), created(2, '/b'), deleted(3, '/b', 2), created(4, '/c')];
  for (let revision = 5; revision <= 1_300; revision++)
    rows.push(updated(revision, '/a', revision === 5 ? 1 : revision - 1));
  db.append(rows, commit(0));
  const steps = [];
  for (let at = 0; at < 1_290; steps.push(at)) at = db.sweep(1_290);
  t.equal(steps.length, 3);
  t.strictSame(sql('SELECT revision, key FROM log WHERE revision <= 1290'), [
    [4, '/c'],
    [1_290, '/a'],
  ]);
  t.strictSame(sql('SELECT count(*) FROM log WHERE revision > 1290'), [[10]]);
  t.equal(db.meta(META.compactRevision), 1_290);
  t.equal(db.sweep(1_290), 1_290, 'a further step does nothing');
});

t.test('a commit that compacts to a gap says so in the file', async t => {
  const { db } = open(t);
  db.append([created(1, '/a')], commit(0));
  db.append([created(1_001, '/b')], { base: 1, commit: true, compactTo: 1_000 });
  t.equal(db.meta(META.compactRevision), 1_000);
});

t.test(
  'the file alone is known to be a part for as long as it is open, also after its log was moved into it',
  t => {
    const { db, file, sql } = open(t);
    const copy = `${file}.copy`;
    const alone = () => {
      copyFileSync(file, copy);
      new Database(copy, 'copy').close();
    };
    db.mark();
    t.strictSame(sql("SELECT value FROM meta WHERE name = 'in_log'"), [[0]], 'with its log it is whole');
    t.throws(alone, { code: 'Corrupt', message: /write-ahead log/ });
    db.append([created(1, '/a')], commit(0));
    sql('PRAGMA wal_checkpoint(TRUNCATE)');
    alone();
    for (let i = 0; i < 10; i++) db.sweep(1);
    t.throws(alone, { code: 'Corrupt' }, 'marked anew');
    db.append([created(2, '/b')], commit(1));
    t.throws(alone, { code: 'Corrupt' });
    t.end();
  },
);

t.test('the mark of a server that was killed as it set it does not outlive its log', t => {
  const { db, file, sql } = open(t);
  db.mark();
  sql("UPDATE meta SET value = 1 WHERE name = 'in_log'");
  new Database(file, 'server').close();
  t.strictSame(sql("SELECT value FROM meta WHERE name = 'in_log'"), [[0]]);
  t.end();
});

t.test('room is given back when most of the file is free', async t => {
  const { db, sql } = open(t);
  const value = `{"v":"${'x'.repeat(8_000)}"}`;
  const big = (revision: number): Row => [revision, '/a', 0, 0, 1, revision - 1, value];
  db.append(
    Array.from({ length: 2_000 }, (_, i) => big(i + 1)),
    commit(0),
  );
  const pages = () => (sql('SELECT page_count FROM pragma_page_count')[0] as number[])[0] as number;
  const before = pages();
  for (let at = 0; at < 2_000; ) at = db.sweep(2_000);
  for (let i = 0; i < 20; i++) db.sweep(2_000);
  t.ok(pages() < before / 2, `${pages()} of ${before} pages are left`);
});
