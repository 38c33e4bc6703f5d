import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RotatedFile } from '../../../controller/kit/rotated-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-rotated-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'logs');
}

const line = (i: number) => `line ${String(i).padStart(4, '0')}\n`;

t.test('lines go into parts of a size, in order, and the oldest parts go', async t => {
  const dir = folder(t);
  const file = join(dir, 'audit.log');
  const clock = new FakeClock();
  const log = new RotatedFile({ file, maxBytes: 100, maxFiles: 3, clock });
  for (let i = 0; i < 95; i++) t.ok(log.write(line(i)));
  await log.close();
  const names = readdirSync(dir).sort();
  t.equal(names.length, 3, names.join(' '));
  t.ok(names.every(name => /^audit(-2026-01-01T00-00-00\.000-\d{4})?\.log$/.test(name)));
  const parts = [...names.filter(name => name !== 'audit.log'), 'audit.log'];
  const text = parts.map(name => readFileSync(join(dir, name), 'utf8')).join('');
  t.equal(text, Array.from({ length: 25 }, (_, i) => line(70 + i)).join(''), 'the last ones, whole');
  for (const name of names) {
    t.ok(statSync(join(dir, name)).size <= 100);
    t.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
  }
});

t.test('a file that is there is gone on with', async t => {
  const file = join(folder(t), 'a.log');
  for (const i of [1, 2]) {
    const log = new RotatedFile({ file, maxBytes: 100, maxFiles: 1, clock: new FakeClock() });
    log.write(line(i));
    await log.close();
  }
  t.equal(readFileSync(file, 'utf8'), line(1) + line(2));
});

t.test('a disk that takes nothing is told of, and holds up nobody', async t => {
  const dir = folder(t);
  writeFileSync(dir, 'in the way of the folder');
  const errors: (Error | undefined)[] = [];
  const log = new RotatedFile({
    file: join(dir, 'a.log'),
    maxBytes: 100,
    maxFiles: 2,
    clock: new FakeClock(),
  });
  log.onResult(error => errors.push(error));
  const big = 'x'.repeat(1024 * 1024);
  let taken = 0;
  while (log.write(big)) taken++;
  t.ok(taken < 20, `${taken} MiB wait at most`);
  await log.close();
  t.match(errors[0], { code: /EEXIST|ENOTDIR/ });
  rmSync(dir);
  log.write(line(1));
  await log.close();
  t.equal(readFileSync(join(dir, 'a.log'), 'utf8'), line(1), 'and it goes on by itself');
});
