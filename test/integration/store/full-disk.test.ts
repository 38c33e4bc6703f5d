import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import { keyOf, sample } from '../../support/store-objects.ts';
import { temporaryFolder } from './folder.ts';

/** A file system of 4 MiB, or undefined and a reason printed. */
function smallDisk(t: Test): string | undefined {
  const folder = temporaryFolder(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'nexus-store-test', folder], {
      stdio: 'pipe',
    });
  } catch (error) {
    t.comment(`not run: a small file system cannot be mounted here (${(error as Error).message.trim()})`);
    return undefined;
  }
  t.teardown(() => execFileSync('umount', ['-l', folder]));
  return folder;
}

function fill(file: string): void {
  for (let bytes = 1024 * 1024; bytes >= 512; bytes >>= 1) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Smaller pieces still fit.
    }
  }
}

t.test('on a full disk writes are refused and nothing else; with room they work again', async t => {
  const disk = smallDisk(t);
  if (!disk) return;
  const file = join(disk, 'nexus.db');
  const filler = join(disk, 'filler');
  let store = await openSqliteStore({ file });
  t.teardown(() => store.close());
  await store.create(keyOf('before'), sample('before'));
  const watch = store.watch('', 1);
  fill(filler);
  for (let i = 0; i < 3; i++) {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, k) => store.create(keyOf(`n${k}`), sample(`n${k}`, 'x'.repeat(5_000)))),
    );
    t.ok(
      results.every(r => r.status === 'rejected' && r.reason.code === 'Unavailable'),
      'refused, every time',
    );
  }
  t.strictSame([store.revision, store.count('')], [1, 1]);
  t.equal(store.get(keyOf('before'))?.revision, 1, 'reading goes on');
  rmSync(filler);
  t.equal((await store.create(keyOf('after'), sample('after'))).revision, 2, 'no revision was lost');
  t.equal((await watch[Symbol.asyncIterator]().next()).value?.[0]?.revision, 2);
  await store.close();
  store = await openSqliteStore({ file });
  t.strictSame(
    store.list('').entries.map(e => e.object.metadata.name),
    ['after', 'before'],
  );
});

t.test('writers that fill the disk by themselves find every acknowledged write after a restart', async t => {
  const disk = smallDisk(t);
  if (!disk) return;
  const file = join(disk, 'nexus.db');
  let store = await openSqliteStore({ file });
  t.teardown(() => store.close());
  const acknowledged: string[] = [];
  let refused = 0;
  for (let i = 0; refused < 50; i++) {
    await store.create(keyOf(`n${i}`), sample(`n${i}`, 'x'.repeat(i % 2 ? 50_000 : 100))).then(
      entry => acknowledged.push(entry.key),
      () => refused++,
    );
  }
  t.ok(acknowledged.length > 5);
  await store.close();
  execFileSync('mount', ['-o', 'remount,size=8m', disk]);
  store = await openSqliteStore({ file });
  t.strictSame(
    store.list('').entries.map(e => e.key),
    acknowledged.sort(),
  );
});

t.test('a server whose disk is full says so at its start', async t => {
  const disk = smallDisk(t);
  if (!disk) return;
  const file = join(disk, 'nexus.db');
  const filler = join(disk, 'filler');
  const open = () => openSqliteStore({ file });
  const first = await open();
  await first.create(keyOf('a'), sample('a'));
  await first.close();
  fill(filler);
  await t.rejects(open(), { code: 'Unavailable', message: /no space is left on its disk/ });
  rmSync(filler);
  const again = await open();
  t.equal(again.count(''), 1);
  await again.close();
});

t.test('a backup that does not fit leaves the one before it as it was, and no scraps', async t => {
  const disk = smallDisk(t);
  if (!disk) return;
  const store = createMemoryStore();
  t.teardown(() => store.close());
  const file = join(disk, 'backup.db');
  await store.create(keyOf('a'), sample('a'));
  const { bytes } = await store.backup(file);
  for (let i = 0; i < 50; i++) await store.create(keyOf(`n${i}`), sample(`n${i}`, 'x'.repeat(100_000)));
  await t.rejects(store.backup(file), { code: 'Unavailable' });
  t.strictSame(readdirSync(disk), ['backup.db']);
  t.equal(statSync(file).size, bytes);
  t.strictSame(await store.restore(file), { revision: 101, changed: 50 });
});
