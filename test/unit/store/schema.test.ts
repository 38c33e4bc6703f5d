import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { createViews, MIGRATIONS, migrate, pragmaNumber } from '../../../controller/store/sqlite/schema.ts';

const NEXT = [...MIGRATIONS, 'ALTER TABLE log ADD COLUMN note TEXT', "UPDATE log SET note = 'from ' || key"];

function database(t: Test): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  t.teardown(() => db.close());
  return db;
}

t.test('a database is brought forward step by step and keeps its rows', async t => {
  const db = database(t);
  migrate(db, 'f.db');
  db.exec(`INSERT INTO log VALUES (1, '/a', 1, 0, 1, 0, '{}', 0)`);
  migrate(db, 'f.db', NEXT);
  t.equal(pragmaNumber(db, 'user_version'), 3);
  t.equal(db.prepare('SELECT note FROM log').get()?.note, 'from /a');
  migrate(db, 'f.db', NEXT);
  t.equal(pragmaNumber(db, 'user_version'), 3, 'a second time does nothing');
});

t.test('a step that fails is undone and the steps before it stand', async t => {
  const db = database(t);
  migrate(db, 'f.db');
  const broken = [...NEXT, 'CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)'];
  t.throws(() => migrate(db, 'f.db', broken), /nowhere/);
  t.equal(pragmaNumber(db, 'user_version'), 3);
  t.equal(db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'half'").get()?.n, 0);
  migrate(db, 'f.db', [...NEXT, 'CREATE TABLE whole (a)']);
  t.equal(pragmaNumber(db, 'user_version'), 4);
});

t.test('a newer schema is refused and left alone', async t => {
  const db = database(t);
  migrate(db, 'f.db', NEXT);
  t.throws(() => migrate(db, 'f.db'), { code: 'NewerSchema' });
  t.equal(pragmaNumber(db, 'user_version'), 3);
});

t.test('views of another version are replaced, those of others are not', async t => {
  const db = database(t);
  migrate(db, 'f.db');
  db.exec('CREATE VIEW workspaces AS SELECT 1 AS old; CREATE VIEW mine AS SELECT 2 AS own');
  createViews(db);
  t.strictSame(db.prepare('SELECT * FROM workspaces').all(), []);
  t.equal(db.prepare('SELECT own FROM mine').get()?.own, 2);
});
