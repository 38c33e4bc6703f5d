import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { runAgent } from '../../../agent/main.ts';
import { describeError, EXIT } from '../../../cli/errors.ts';
import { parseListen } from '../../../controller/listen-address.ts';

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

t.test('an agent or a server that cannot start as things are says so, without a trace', async t => {
  const home = t.testdir({});
  const signal = new AbortController().signal;
  const agent = (options: object) =>
    runAgent({ home, drivers: ['memory'], ...options }, signal).catch(e => e);
  t.match(describeError(await agent({})), {
    exitCode: EXIT.failed,
    lines: [/^error: this machine belongs to no server yet.*nexus node token create/],
  });
  for (const options of [{ fenceTime: 1 }, { allowHostPort: ['x'] }, { reserveCpu: 'x' }]) {
    const { exitCode, lines } = describeError(await agent(options));
    t.equal(exitCode, EXIT.usage);
    t.equal(lines.length, 1, lines.join('\n'));
  }
  t.match(describeError(thrownBy(() => parseListen('x', '--gateway-listen'))), {
    exitCode: EXIT.usage,
    lines: ['error: --gateway-listen takes ADDRESS:PORT, not "x"'],
  });
});
