import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import t from 'tap';
import { until } from '../../support/until.ts';
import { startAbuseLab } from './abuse-lab.ts';
import { CM, configMap, WS } from './lab.ts';

const MIB = 1024 * 1024;

t.setTimeout(300_000);

const lines = (method: string, path: string, token: string, ...more: string[]) =>
  [`${method} ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, ...more].join('\r\n');

t.test('clients that write slowly, or never to the end, hold up nobody', async t => {
  const { server, socket, isServed } = await startAbuseLab(t, { limits: { requestsPerUser: 20 } });
  const { token } = server;
  await Promise.all(
    Array.from({ length: 80 }, async (_, i) => {
      const one = await socket();
      const kinds = [
        'GET /api',
        lines('GET', CM, token),
        `${lines('POST', CM, token, 'content-type: application/json', 'content-length: 3000000')}\r\n\r\n{"a":`,
        `${lines('POST', CM, token, 'content-type: application/yaml', 'transfer-encoding: chunked')}\r\n\r\n5\r\na: [1\r\n`,
      ];
      one.write(kinds[i % kinds.length]!);
    }),
  );
  await isServed(t, '80 requests that never end');
});

t.test('what is no HTTP, or bends its rules, is answered or hung up on', async t => {
  const { server, socket, isServed } = await startAbuseLab(t);
  const { token } = server;
  const head = (...more: string[]) => `${lines('POST', CM, token, ...more)}\r\n\r\n`;
  for (const text of [
    '\x16\x03\x01\0\0',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    `${lines('GET', CM, token, `x: ${'y'.repeat(100_000)}`)}\r\n\r\n`,
    `${lines('GET', CM, token, ...Array.from({ length: 3000 }, (_, i) => `x${i}: y`))}\r\n\r\n`,
    `${head('content-length: 5', 'transfer-encoding: chunked')}0\r\n\r\n`,
    `${head('content-length: -1')}`,
    `${head('content-length: 5', 'content-length: 6')}hello`,
    `${head('transfer-encoding: chunked')}zz\r\nx`,
    `${head('expect: 200-maybe', 'content-length: 2')}{}`,
    'GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n',
    'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n',
    `${lines('GET', `${CM}?watch=true`, token, 'connection: upgrade', 'upgrade: websocket')}\r\n\r\n`,
    'GET /api HTTP/1.1\r\nhost: x\r\nname\0: y\r\n\r\n',
    'GET /api HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500),
  ]) {
    const one = await socket();
    one.write(text);
    const [answer = ''] = (await Promise.race([once(one, 'data'), once(one, 'close')])) as [unknown];
    t.notMatch(String(answer), /^HTTP\/1.1 500/, JSON.stringify(text.slice(0, 60)));
    one.destroy();
  }
  await isServed(t, 'after all of them');
});

t.test('clients that do not read what they asked for hold little, and not for ever', async t => {
  const { server, admin, client, socket, memoryMiB, isServed } = await startAbuseLab(t, {
    limits: { answerMs: 5000, requestsPerUser: 8, queuedPerUser: 50 },
  });
  for (let i = 0; i < 40; i++) await admin.call('POST', CM, configMap(`c${i}`, { a: 'x'.repeat(200_000) }));
  const before = memoryMiB();
  const token = await server.tokenOf('slow', ['system:masters']);
  const slow = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const one = await socket();
      one.pause();
      one.write(`${lines('GET', CM, token)}\r\n\r\n`);
      return one;
    }),
  );
  await isServed(t, '40 lists of 8 MB that nobody reads');
  t.ok(memoryMiB() - before < 250, `${Math.round(memoryMiB() - before)} MiB more`);
  const metrics = () => admin.call('GET', '/metrics');
  const seats = async () =>
    Number(/executing_seats\{priority_level="users"\} (\d+)/.exec(await metrics())?.[1] ?? -1);
  for (const one of slow) one.resume();
  await until(async () => (await seats()) === 1, {
    timeoutMs: 30_000,
    what: () => 'their seats to be free again but for the one of this question',
  });
  await client(token).call('GET', `${CM}/c1`);
});

t.test('bodies that are huge or deep are refused without being taken in', async t => {
  const { server, admin, memoryMiB, isServed } = await startAbuseLab(t);
  const agent = new Agent({ ca: server.ca, maxSockets: 8 });
  t.teardown(() => agent.destroy());
  const send = (body: Buffer, type = 'application/json', path = CM) =>
    post(`${server.url}${path}`, body, {
      agent,
      headers: { authorization: `Bearer ${server.token}`, 'content-type': type },
    });
  const before = memoryMiB();
  const huge = await Promise.all(Array.from({ length: 8 }, () => send(Buffer.alloc(20 * MIB, 'x'))));
  t.strictSame([...new Set(huge)], [413]);
  await isServed(t, 'eight bodies of 20 MiB');
  const large = 2.9 * MIB;
  const yaml = 'application/yaml';
  const many = (item: string) => `[${Array(Math.floor(large / (item.length + 1))).fill(item)}]`;
  const ours = (spec: string) =>
    `{"apiVersion":"nexus.dev/v1alpha1","kind":"Workspace","metadata":{"name":"w"},"spec":${spec}}`;
  for (const [what, text, type, path] of [
    ['deep JSON', `{"a":${'['.repeat(large)}`],
    ['deep YAML', `a: ${'['.repeat(large)}`, yaml],
    ['wide YAML', `a: [\n${'- b\n'.repeat(large / 4)}`, yaml],
    ['many keys', `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['one key many times', `{${'"k":1,'.repeat(400_000)}"z":1}`],
    ['many anchors', Array.from({ length: 20_000 }, (_, i) => `k${i}: &a${i} [x]`).join('\n'), yaml],
    ['one long text', `a: "${'\\u0000'.repeat(large / 6)}"`],
    ['quotes', '"'.repeat(large)],
    ['backslashes', `"${'\\'.repeat(large)}`],
    ['many items of a wrong type', ours(`{"services":${many('1')}}`), 'application/json', WS],
    ['many items that lack everything', ours(`{"services":${many('{}')}}`), 'application/json', WS],
    ['many equal items', ours(`{"env":${many('{"name":"a"}')}}`), 'application/json', WS],
    ['many unknown fields', ours(`{"services":${many('{"zz":1}')}}`), 'application/json', WS],
  ] as [what: string, text: string, type?: string, path?: string][]) {
    const began = performance.now();
    const code = await send(Buffer.from(text), type, path);
    const ms = Math.round(performance.now() - began);
    t.ok(
      [400, 413, 422].includes(code ?? 0),
      `${code}: ${what}, in ${ms} ms, ${Math.round(memoryMiB())} MiB`,
    );
  }
  await isServed(t, 'after all of them');
  t.ok(memoryMiB() - before < 400, `${Math.round(memoryMiB() - before)} MiB more`);
  await admin.call('GET', CM);
});

/** The code of the answer to a body, which may come before all of the body was sent. */
function post(url: string, body: Buffer, options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', ...options }, response => {
      response.resume();
      response.once('close', () => resolve(response.statusCode));
    });
    call.once('error', reject);
    call.end(body);
  });
}
