import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import type { StoreError } from '../../../controller/store/store.ts';
import { keyOf, sample } from '../../support/store-objects.ts';
import { temporaryFolder } from './folder.ts';

const PARTS = ['', '-wal', '-shm'];
const folder = temporaryFolder(t);
const sound = join(folder, 'sound.db');
/** Of a server that was killed. */
const left = join(folder, 'left.db');

t.before(async () => {
  const store = await openSqliteStore({ file: sound });
  await Promise.all(
    Array.from({ length: 300 }, (_, i) => store.create(keyOf(`n${i}`), sample(`n${i}`, 'marker'.repeat(50)))),
  );
  await store.delete(keyOf('n0'), 1);
  await store.close();

  const alive = join(folder, 'alive.db');
  const other = await openSqliteStore({ file: alive });
  for (let i = 0; i < 300; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, k) => other.create(keyOf(`n${i + k}`), sample('x'))));
  for (const part of PARTS) copyFileSync(`${alive}${part}`, `${left}${part}`);
  await other.close();
});

/** Each makes a damaged database at the path. */
const DAMAGES: Record<string, (file: string) => void> = {
  'garbage at the start': file => {
    const bytes = readFileSync(sound);
    bytes.write('not a database, really', 0);
    writeFileSync(file, bytes);
  },
  'nothing but text': file => writeFileSync(file, 'hello\n'.repeat(500)),
  'no bytes at all': file => writeFileSync(file, ''),
  'the first page only': file => truncated(file, 4096),
  'half of it': file => truncated(file, 0.5),
  'all but its last page': file => truncated(file, -4096),
  'all but its last byte': file => truncated(file, -1),
  'a page of zeros': file => {
    const bytes = readFileSync(sound);
    bytes.fill(0, 4096 * 10, 4096 * 11);
    writeFileSync(file, bytes);
  },
  'a page of noise': file => {
    const bytes = readFileSync(sound);
    for (let i = 4096 * 5; i < 4096 * 6; i++) bytes[i] = (i * 131) & 0xff;
    writeFileSync(file, bytes);
  },
  'one letter changed in one value': file => {
    const bytes = readFileSync(sound);
    bytes.write('Marker', bytes.lastIndexOf('marker'));
    writeFileSync(file, bytes);
  },
  'a revision taken out': file => sql(file, 'DELETE FROM log WHERE revision = 17'),
  'a record of itself taken out': file => sql(file, "DELETE FROM meta WHERE name = 'compact_revision'"),
  'a revision that does not follow': file => sql(file, 'UPDATE log SET revision = 999 WHERE revision = 301'),
  'another program’s tables': file => {
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE log (a); CREATE TABLE meta (b)');
    db.close();
  },
  'nothing, but a write-ahead log beside it': file => writeFileSync(`${file}-wal`, Buffer.alloc(5000, 1)),
};

for (const [i, [what, damage]] of Object.entries(DAMAGES).entries()) {
  t.test(`a database with ${what} is refused, told how to restore, and left as it is`, async t => {
    const file = join(folder, `damaged-${i}.db`);
    damage(file);
    const before = existsSync(file) && readFileSync(file);
    const error = await openSqliteStore({ file }).then(
      store => store.close(),
      (e: StoreError) => e,
    );
    t.match(error, { name: 'StoreError', code: 'Corrupt' });
    t.match(error?.message, /nexus restore/);
    t.match(error?.message, file);
    t.strictSame(existsSync(file) && readFileSync(file), before);
    await t.rejects(openSqliteStore({ file }), { code: 'Corrupt' }, 'and so is a second attempt');
  });
}

/** The files as a server leaves them that is killed: of 300 writes the database itself has none. */
function killed(name: string): string {
  const file = join(folder, `${name}.db`);
  for (const part of PARTS) copyFileSync(`${left}${part}`, `${file}${part}`);
  return file;
}

/** Each damages the write-ahead log. */
const LOG_DAMAGES: Record<string, (log: string) => void> = {
  'cut off in the middle': log => truncateSync(log, 40_000),
  'cut off by a byte': log => truncateSync(log, statSync(log).size - 1),
  'cut off in its head': log => truncateSync(log, 20),
  'changed in one byte': log => flip(log, 30_000),
  'changed in one byte of its head': log => flip(log, 17),
  gone: log => rmSync(log),
  'gone, with its index': log => {
    rmSync(log);
    rmSync(log.replace(/-wal$/, '-shm'));
  },
};

for (const [i, [what, damage]] of Object.entries(LOG_DAMAGES).entries()) {
  t.test(`a database of a killed server whose write-ahead log is ${what} is refused, and left`, async t => {
    const file = killed(`log-${i}`);
    damage(`${file}-wal`);
    const content = () => [file, `${file}-wal`].map(name => existsSync(name) && readFileSync(name));
    const before = content();
    await t.rejects(openSqliteStore({ file }), {
      code: 'Corrupt',
      message: /write-ahead log.*nexus restore/,
    });
    t.strictSame(content(), before);
  });
}

t.test('a server that was killed, or lost its power, finds every write again', async t => {
  const whole = async (name: string, loss: (file: string) => void) => {
    const file = killed(name);
    loss(file);
    const store = await openSqliteStore({ file });
    t.equal(store.count(''), 300, name);
    await store.close();
  };
  await whole('as-it-was', () => {});
  await whole('begun', file => appendFileSync(`${file}-wal`, readFileSync(`${file}-wal`).subarray(32, 4000)));
  await whole('no-index', file => rmSync(`${file}-shm`));
  await whole('index-of-nothing', file => writeFileSync(`${file}-shm`, Buffer.alloc(32_768)));
  await whole('half-an-index', file => flip(`${file}-shm`, 60));
});

t.test(
  'a database that was closed, by us or by a tool, needs no write-ahead log; one of an earlier version neither',
  async t => {
    const alone = async (what: string, file: string) => {
      for (const part of PARTS.slice(1)) rmSync(`${file}${part}`, { force: true });
      const store = await openSqliteStore({ file });
      t.equal(store.count(''), 300, what);
      await store.close();
    };
    const closed = killed('closed');
    await (await openSqliteStore({ file: closed })).close();
    await alone('by us', closed);
    const byTool = killed('by-tool');
    sql(byTool, 'SELECT 1 FROM log');
    await alone('by a tool that moved the log into it', byTool);
    const earlier = killed('earlier');
    sql(earlier, "DELETE FROM meta WHERE name = 'in_log'");
    await alone('of an earlier version', earlier);
  },
);

t.test('a database of a running server is no backup without its write-ahead log', async t => {
  const store = await openSqliteStore({ file: join(folder, 'target-of-part.db') });
  t.teardown(() => store.close());
  const empty = killed('empty');
  truncateSync(`${empty}-wal`);
  rmSync(`${empty}-shm`);
  await t.rejects(openSqliteStore({ file: empty }), { code: 'Corrupt' }, 'an empty one is none');
  const part = killed('part');
  const whole = killed('whole');
  for (const beside of PARTS.slice(1)) rmSync(`${part}${beside}`);
  await t.rejects(store.restore(part), { code: 'Corrupt', message: /part\.db lacks its write-ahead log/ });
  t.equal((await store.restore(whole)).changed, 300);
});

t.test('an index of an earlier life of the write-ahead log tells nothing of this one', async t => {
  const file = killed('lives');
  const index = readFileSync(`${file}-shm`);
  const db = new DatabaseSync(file);
  db.exec("PRAGMA wal_checkpoint(RESTART); UPDATE meta SET value = value WHERE name = 'compact_revision'");
  const log = readFileSync(`${file}-wal`);
  db.close();
  writeFileSync(`${file}-wal`, log);
  writeFileSync(`${file}-shm`, index);
  const store = await openSqliteStore({ file });
  t.equal(store.count(''), 300);
  await store.close();
});

t.test('a damaged database of a killed server is refused with its write-ahead log where it was', async t => {
  const file = join(folder, 'both.db');
  copyFileSync(sound, file);
  const store = await openSqliteStore({ file });
  t.teardown(() => store.close());
  await store.create(keyOf('more'), sample('more'));
  const copy = join(folder, 'both-copy.db');
  for (const part of PARTS) copyFileSync(`${file}${part}`, `${copy}${part}`);
  const bytes = readFileSync(copy);
  bytes.write('Marker', bytes.indexOf('marker', bytes.length >> 1));
  writeFileSync(copy, bytes);
  const log = readFileSync(`${copy}-wal`);
  await t.rejects(openSqliteStore({ file: copy }), { code: 'Corrupt' });
  t.strictSame([readFileSync(copy), readFileSync(`${copy}-wal`)], [bytes, log]);
});

t.test('what the sentence says works: move it away, start, restore', async t => {
  const file = join(folder, 'again.db');
  const backup = join(folder, 'again-backup.db');
  copyFileSync(sound, file);
  const first = await openSqliteStore({ file });
  await first.backup(backup);
  await first.close();
  truncateSync(file, 5000);
  await t.rejects(openSqliteStore({ file }), { code: 'Corrupt' });
  rmSync(file);
  const second = await openSqliteStore({ file });
  t.equal((await second.restore(backup)).changed, 299);
  t.equal(second.count(''), 299);
  await second.close();
});

t.test('a damaged backup is refused by a restore, which changes nothing', async t => {
  const store = await openSqliteStore({ file: join(folder, 'target.db') });
  t.teardown(() => store.close());
  const backup = join(folder, 'target-backup.db');
  for (const damage of [
    'half of it',
    'one letter changed in one value',
    'a page of noise',
    'a revision taken out',
  ]) {
    DAMAGES[damage]?.(backup);
    await t.rejects(store.restore(backup), { code: 'Corrupt' }, damage);
  }
  t.equal(store.revision, 0);
});

t.test('a database or backup of a newer version is refused', async t => {
  const file = join(folder, 'newer.db');
  copyFileSync(sound, file);
  sql(file, 'PRAGMA user_version = 99');
  await t.rejects(openSqliteStore({ file }), { code: 'NewerSchema' });
  const store = await openSqliteStore({ file: join(folder, 'older.db') });
  await t.rejects(store.restore(file), { code: 'NewerSchema' });
  await store.close();
});

t.test('what cannot be opened for another reason says which', async t => {
  const file = join(folder, 'a-folder.db');
  mkdirSync(file);
  await t.rejects(openSqliteStore({ file }), { code: 'Unavailable' });
  await t.rejects(openSqliteStore({ file: join(sound, 'below-a-file.db') }), { code: 'Unavailable' });
});

t.test('two servers cannot have one database, and the next can when the first is gone', async t => {
  const file = join(folder, 'shared.db');
  const first = await openSqliteStore({ file });
  await first.create(keyOf('a'), sample('a'));
  await t.rejects(openSqliteStore({ file }), { code: 'Locked' }, 'in this process');
  const link = join(folder, 'link.db');
  execFileSync('ln', ['-s', file, link]);
  await t.rejects(openSqliteStore({ file: link }), { code: 'Locked' }, 'by another name');
  t.equal(openElsewhere(file), 'Locked', 'in another process');
  await first.create(keyOf('b'), sample('b'));
  await first.close();
  t.equal(openElsewhere(file), 'open');
  const second = await openSqliteStore({ file });
  t.equal(second.revision, 2);
  await second.close();
});

function openElsewhere(file: string): string {
  const module = JSON.stringify(join(import.meta.dirname, '../../../controller/store/sqlite.ts'));
  const script = join(folder, 'elsewhere.mjs');
  writeFileSync(
    script,
    `import { openSqliteStore } from ${module};
     const opened = openSqliteStore({ file: process.argv[2] });
     console.log(await opened.then(store => store.close().then(() => 'open'), error => error.code));`,
  );
  return execFileSync(process.execPath, [script, file], { encoding: 'utf8' }).trim();
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = bytes[at]! ^ 0xff;
  writeFileSync(file, bytes);
}

/** `length`: bytes, from the end when negative, or a fraction of all. */
function truncated(file: string, length: number): void {
  const bytes = readFileSync(sound);
  writeFileSync(
    file,
    bytes.subarray(0, length > 0 && length < 1 ? Math.round(bytes.length * length) : length),
  );
}

function sql(file: string, statement: string): void {
  if (!existsSync(file) || file.includes('target')) copyFileSync(sound, file);
  const db = new DatabaseSync(file);
  db.exec(statement);
  db.close();
}
