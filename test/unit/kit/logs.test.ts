import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createLogger, type LoggerOptions, prettyLine, redact } from '../../../controller/kit/logger.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { RotatedFile } from '../../../controller/kit/rotated-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setup(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const log = createLogger({ ...options, destination: { write: line => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') };
}

t.test('a thing that happened is one line of JSON with time, level, component and message', async t => {
  const { log, lines, last } = setup({ component: 'test' });
  log.info({ a: 1 }, 'it\nhappened');
  t.equal(lines.length, 1);
  t.equal(lines[0]?.split('\n').length, 2);
  t.match(last(), { level: 'info', component: 'test', a: 1, msg: 'it\nhappened', time: /^\d{4}-\d\d-\d\dT/ });
});

t.test('what is below the level is not written', async t => {
  const { log, lines } = setup({ level: 'warn' });
  log.debug({}, 'a');
  log.info({}, 'b');
  log.warn({}, 'c');
  log.error({}, 'd');
  t.equal(lines.length, 2);
  const quiet = setup({ level: 'silent' });
  quiet.log.error({}, 'x');
  t.same(quiet.lines, []);
});

t.test('children carry their fields', async t => {
  const { log, last } = setup();
  log.child({ controller: 'ws', token: 'x' }).child({ object: 'shop' }).warn({}, 'x');
  t.match(last(), { controller: 'ws', object: 'shop', token: '[redacted]' });
  silentLogger.child({}).info({}, 'nothing');
});

t.test('no secret is written, at any depth and in any case', async t => {
  const { log, lines } = setup();
  const secret = 's3cr3t';
  const manifest = JSON.stringify({ stringData: { a: secret } });
  log.info(
    {
      headers: { Authorization: `Bearer ${secret}`, cookie: secret },
      user: { token: secret, password: secret, nested: [{ privateKey: secret }] },
      object: {
        kind: 'Secret',
        metadata: {
          name: 'git',
          annotations: { 'kubectl.kubernetes.io/last-applied-configuration': manifest },
        },
        data: { a: secret },
        stringData: { b: secret },
      },
    },
    'x',
  );
  t.notMatch(lines.join(''), secret);
  t.match(lines.join(''), '"name":"git"');
  t.same(redact({ data: { a: 1 } }), { data: { a: 1 } }, 'data of other things is shown');
});

t.test('errors are written with name, code, stack and causes', async t => {
  const { log, last } = setup();
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', password: 'x' });
  log.error({ err: new ApiError('Unreachable', 'away', undefined, { cause }) }, 'failed');
  t.match(last().err, {
    type: 'ApiError',
    message: 'away',
    reason: 'Unreachable',
    stack: /ApiError/,
    cause: { type: 'Error', message: 'refused', code: 'ECONNREFUSED' },
  });
});

t.test('bytes, dates and depth are kept short', async t => {
  const date = new Date(0);
  t.same(redact({ a: Buffer.from('abc'), d: date, n: null, u: undefined }), {
    a: '[3 bytes]',
    d: date,
    n: null,
    u: undefined,
  });
  const round: Record<string, unknown> = {};
  round.self = round;
  t.match(JSON.stringify(redact(round)), '[deep]');
});

t.test('pretty is one readable line', async t => {
  const { log, lines } = setup({ pretty: true, component: 'api' });
  log.warn({ name: 'shop', reason: 'not ready', n: 3, err: new Error('it "broke"') }, 'something');
  t.match(
    lines[0],
    /^\d\d:\d\d:\d\d WARN {2}api: something name=shop reason="not ready" n=3 err="it \\"broke\\""\n$/,
  );
  t.match(prettyLine('{"time":"2026-01-01T10:11:12Z","level":"info","msg":"x"}'), '10:11:12 INFO  x\n');
});

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

t.test('asking twice for a name gives the same metric; two registries share nothing', async t => {
  const [a, b] = [new Metrics(), new Metrics()];
  a.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  a.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  b.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  t.match(await a.text(), 'x_total{k="v"} 2');
  t.match(await b.text(), 'x_total{k="v"} 1');
  t.match(a.contentType, 'text/plain');
});

t.test('gauges and histograms are written too', async t => {
  const m = new Metrics();
  m.gauge('g', 'G.').set(3);
  m.histogram('h_seconds', 'H.', [], [1, 2]).observe(1.5);
  const text = await m.text();
  t.match(text, 'g 3');
  t.match(text, 'h_seconds_bucket{le="2"} 1');
  t.match(text, 'h_seconds_bucket{le="1"} 0');
});

t.test('collectors run before each scrape until they are removed', async t => {
  const m = new Metrics();
  let n = 0;
  const off = m.onCollect(() => m.gauge('n', 'N.').set(++n));
  t.match(await m.text(), 'n 1');
  t.match(await m.text(), 'n 2');
  off();
  t.match(await m.text(), 'n 2');
});
