import t from 'tap';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createLogger, type LoggerOptions, prettyLine, redact } from '../../../controller/kit/logger.ts';

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
