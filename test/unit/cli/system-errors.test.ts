import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { describeError, EXIT } from '../../../cli/errors.ts';

const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

t.test('a port that is taken is named, without a trace', async t => {
  const first = createServer().listen(0, '127.0.0.1');
  t.teardown(() => first.close());
  await once(first, 'listening');
  const { port } = first.address() as { port: number };
  const second = createServer().listen(port, '127.0.0.1');
  const [error] = await once(second, 'error');
  const { exitCode, lines } = describeError(error);
  t.equal(exitCode, EXIT.failed);
  t.equal(lines.length, 2);
  t.equal(lines[0], `error: 127.0.0.1:${port} is taken by another program`);
  t.match(lines[1], /^next: .*--listen/);
  t.match(describeError(error, true).lines.at(-1), /\n {4}at /, 'with -v there is one');
});

t.test('what the file system refuses is named with its place', async t => {
  const dir = t.testdir({ file: '' });
  const inFile = describeError(thrownBy(() => mkdirSync(join(dir, 'file', 'below'), { recursive: true })));
  t.match(inFile.lines, [/^error: .*file.* is no folder$/, /^next: /]);
  t.equal(inFile.lines.length, 2);
  t.match(describeError(thrownBy(() => writeFileSync(join(dir, 'none', 'x'), ''))).lines, [
    /^error: there is no .*none.x \(open\)/,
    /^next: /,
  ]);
  t.match(describeError(thrownBy(() => writeFileSync('/dev/full', 'x'))).lines, [
    /^error: no space is left on the disk/,
    /^next: .*df -h/,
  ]);
});

t.test('a fault of our own still has its trace', async t => {
  t.match(describeError(new TypeError('x is not a function')).lines, [
    'error: x is not a function',
    /\n {4}at /,
  ]);
});
