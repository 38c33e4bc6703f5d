import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { createOperations } from '../../../controller/store/sqlite/operations.ts';
import type { Row } from '../../../controller/store/sqlite/row.ts';
import { DatabaseThread } from '../../../controller/store/sqlite/thread.ts';

const ROWS: Row[] = [
  [1, '/a', 1, 0, 1, 0, '{"v":1}'],
  [2, '/a', 0, 0, 1, 1, '{"v":2}'],
];

function prepare(t: Test): { file: string; open: () => ReturnType<typeof createOperations> } {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-store-'));
  const all: ReturnType<typeof createOperations>[] = [];
  t.teardown(() => {
    for (const operations of all) operations.close();
    rmSync(folder, { recursive: true });
  });
  const open = () => {
    const operations = createOperations();
    all.push(operations);
    return operations;
  };
  return { file: join(folder, 'sub', 'nexus.db'), open };
}

t.test('a database is made complete and under its name at once, and one owner has it', async t => {
  const { file, open } = prepare(t);
  const first = open();
  t.strictSame(first.open(file, 'server'), { compactRevision: 0, sweptRevision: 0, isBackup: false });
  first.ready();
  t.throws(() => open().open(file, 'server'), { code: 'Locked' });
  first.append(ROWS, { base: 0, commit: true });
  first.close();
  first.close();
  const second = open();
  second.open(file, 'server');
  t.strictSame(second.read(1_000), ROWS);
  t.strictSame(second.read(1_000), []);
  t.equal(second.sweep(2), 2);
  t.strictSame(second.read(1_000), ROWS.slice(1));
});

t.test('what an interrupted start left is cleared away', async t => {
  const { file, open } = prepare(t);
  const first = open();
  first.open(file, 'server');
  first.close();
  rmSync(file);
  writeFileSync(`${file}.new`, 'half');
  open().open(file, 'server');
  t.notOk(existsSync(`${file}.new`));
});

t.test('a file that is empty, or gone from beside its write-ahead log, is not made anew', async t => {
  const { file, open } = prepare(t);
  const first = open();
  first.open(file, 'server');
  first.close();
  writeFileSync(file, '');
  t.throws(() => open().open(file, 'server'), { code: 'Corrupt' });
  t.equal(statSync(file).size, 0);
  rmSync(file);
  writeFileSync(`${file}-wal`, 'frames');
  t.throws(() => open().open(file, 'server'), { code: 'Corrupt' });
  t.notOk(existsSync(file));
  rmSync(`${file}-wal`);
  writeFileSync(file, 'text, and not a little of it: '.repeat(100));
  t.throws(() => open().open(file, 'server'), { code: 'Corrupt' });
});

t.test('a database that this user may only read is refused at once', async t => {
  const { file, open } = prepare(t);
  const first = open();
  first.open(file, 'server');
  first.close();
  chmodSync(dirname(dirname(file)), 0o755);
  chmodSync(dirname(file), 0o777);
  chmodSync(file, 0o444);
  rmSync(`${file}.lock`);
  // Root may write whatever it wants.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  let refused: unknown;
  try {
    open().open(file, 'server');
  } catch (error) {
    refused = error;
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  t.match(refused, { code: 'Unavailable', message: /this user may not write to it \(EACCES/ });
});

t.test('a draft becomes a backup, which its next owner takes up', async t => {
  const { file, open } = prepare(t);
  const server = open();
  server.open(file, 'server');
  server.close();
  const draft = open();
  draft.open(`${file}.tmp`, 'draft');
  draft.append(ROWS, { base: 0, compactTo: 2, commit: true });
  t.equal(draft.publishBackup(2, file), statSync(file).size);
  t.notOk(readdirSync(join(file, '..')).includes('nexus.db.tmp'));
  const owner = open();
  t.strictSame(owner.open(file, 'server'), { compactRevision: 2, sweptRevision: 2, isBackup: true });
  owner.ready(100);
  owner.close();
  t.strictSame(owner.open(file, 'server'), { compactRevision: 100, sweptRevision: 2, isBackup: false });
});

t.test('without an open database everything is refused', async t => {
  const operations = createOperations();
  t.throws(() => operations.read(1), { code: 'Closed' });
  t.throws(() => operations.sweep(1), { code: 'Closed' });
});

t.test('a thread that has ended refuses what is asked of it, then and later', async t => {
  const thread = new DatabaseThread();
  const asked = thread.call('open', join(tmpdir(), 'no', 'such', 'folder', 'x.db'), 'copy');
  await t.rejects(asked, { code: 'Unavailable' });
  await thread.close();
  await t.rejects(thread.call('sweep', 1), { code: 'Unavailable' });
  await thread.close();
});
