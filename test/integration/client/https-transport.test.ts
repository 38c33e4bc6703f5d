import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { type HttpsTransportOptions, httpsTransport } from '../../../controller/client/https-transport.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import { type Handler, startHttpsServer } from '../../support/https-server.ts';
import { until } from '../../support/until.ts';

const key = { namespace: 'default', name: 'shop' };
const unreachable = { name: 'ApiError', reason: 'Unreachable' };
const soon = { timeoutMs: 15_000, everyMs: 5, what: () => 'a connection' };
const json = (body: unknown) => JSON.stringify(body);

async function setup(t: Test, handler: Handler, options: Partial<HttpsTransportOptions> = {}) {
  const server = await startHttpsServer(handler);
  const transport = httpsTransport({ server: server.url, ca: server.certificates.ca, ...options });
  const client = createClient({ transport });
  t.teardown(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

t.test('requests share few kept-alive connections; a watch has its own', async t => {
  const { server, client } = await setup(
    t,
    (request, response) => {
      if (!request.url?.includes('watch=')) return response.end(json({ metadata: { name: request.url } }));
      response.write('\n');
    },
    { maxSockets: 2 },
  );
  await Promise.all(Array.from({ length: 20 }, () => client.get(WORKSPACE, key)));
  t.equal(server.opened, 2);
  const stop = new AbortController();
  const watching = (async () => {
    for await (const _ of client.watch(WORKSPACE, { signal: stop.signal })) t.fail('nothing may come');
  })();
  await until(() => server.opened === 3, soon);
  await client.get(WORKSPACE, key);
  t.equal(server.opened, 3);
  stop.abort();
  await watching;
  await until(() => server.open.size === 2, {
    timeoutMs: 15_000,
    what: () => 'the watch’s connection to be closed',
  });
});

t.test('the bearer token is the present one; the path of a proxy comes first', async t => {
  const heard: (string | undefined)[] = [];
  const server = await startHttpsServer((request, response) => {
    heard.push(`${request.url} ${request.headers.authorization}`);
    response.end('{}');
  });
  let n = 0;
  const transport = httpsTransport({
    server: `${server.url}/proxy/`,
    ca: server.certificates.ca,
    token: async () => `t${++n}`,
  });
  t.teardown(async () => {
    await transport.close();
    await server.close();
  });
  const client = createClient({ transport });
  await client.raw('GET', '/version');
  await client.raw('GET', '/version');
  t.same(heard, ['/proxy/version Bearer t1', '/proxy/version Bearer t2']);
});

t.test('a client certificate is shown', async t => {
  const server = await startHttpsServer((request, response) => {
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    response.end(json({ name: peer.subject?.CN ?? 'nobody', ok: (request.socket as TLSSocket).authorized }));
  });
  const { ca, client: clientCert } = server.certificates;
  const transport = httpsTransport({ server: server.url, ca, clientCert });
  t.teardown(async () => {
    await transport.close();
    await server.close();
  });
  const { text } = await createClient({ transport }).raw('GET', '/');
  t.same(JSON.parse(text), { name: 'tester', ok: true });
});

t.test('a server with a certificate that nobody vouches for is refused, unless told otherwise', async t => {
  const { server } = await setup(t, (_, response) => response.end('{}'));
  for (const [options, works] of [
    [{}, false],
    [{ insecure: true }, true],
    [{ ca: server.certificates.ca, serverName: 'elsewhere.example' }, false],
    [{ ca: server.certificates.ca, serverName: 'localhost' }, true],
  ] as const) {
    const client = createClient({ transport: httpsTransport({ server: server.url, ...options }) });
    const call = client.raw('GET', '/');
    if (works) await t.resolves(call);
    else await t.rejects(call, unreachable);
    await client.close();
  }
});

t.test('gzip is asked for and understood, also when it is cut short', async t => {
  const body = gzipSync(json({ metadata: { name: 'x'.repeat(10_000) } }));
  let cut = false;
  const { client } = await setup(t, (request, response) => {
    t.equal(request.headers['accept-encoding'], 'gzip');
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
    if (!cut) return response.end(body);
    response.write(body.subarray(0, 20), () => response.destroy());
  });
  t.equal((await client.get(WORKSPACE, key)).metadata.name.length, 10_000);
  cut = true;
  await t.rejects(client.get(WORKSPACE, key), unreachable);
});

t.test('an answer that is cut in its middle is Unreachable, never half an object', async t => {
  const { client } = await setup(t, (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"metadata":{}}', () => response.destroy());
  });
  await t.rejects(client.get(WORKSPACE, key), unreachable);
});

t.test('a server that is silent is given up, before and in the middle of its answer', async t => {
  for (const words of [undefined, '{"metadata"']) {
    const { client } = await setup(t, (_, response) => void (words && response.write(words)), {
      idleTimeoutMs: 50,
    });
    await t.rejects(client.get(WORKSPACE, key), unreachable);
  }
});

t.test('a slow answer on a connection that was handed on is not taken for a slow connection', async t => {
  const { server, client } = await setup(t, (_, response) => void setTimeout(() => response.end('{}'), 120), {
    connectTimeoutMs: 60,
    maxSockets: 1,
  });
  // The handshake may take its time on a busy machine: let it pass first.
  await until(
    () =>
      client.get(WORKSPACE, key).then(
        () => true,
        () => false,
      ),
    {
      timeoutMs: 15_000,
      what: () => 'a first connection',
    },
  );
  await Promise.all([1, 2, 3].map(() => client.get(WORKSPACE, key)));
  t.equal(server.open.size, 1);
});

t.test('a server that accepts and never speaks TLS is given up', async t => {
  const deaf = createServer(() => {});
  await new Promise<void>(resolve => deaf.listen(0, '127.0.0.1', resolve));
  const { port } = deaf.address() as AddressInfo;
  const transport = httpsTransport({ server: `https://127.0.0.1:${port}`, connectTimeoutMs: 50 });
  const client = createClient({ transport });
  await t.rejects(client.get(WORKSPACE, key), unreachable);
  await client.close();
  deaf.close();
});

t.test('nobody there is Unreachable, and the message names the server', async t => {
  const { server, client } = await setup(t, () => {});
  await server.close();
  const error = await client.get(WORKSPACE, key).catch(e => e);
  t.match(error, unreachable);
  t.ok(error.message.includes(server.url));
  t.ok(error.retryable);
});

t.test(
  'a kept connection that the server has closed is no failure, except where a repeat could do harm',
  async t => {
    let resets = 0;
    let reset = false;
    const { client } = await setup(t, (request, response) => {
      // Closes a used connection without an answer, as a server does whose idle time ran out just then.
      if (reset) {
        reset = false;
        resets++;
        request.socket.destroy();
      } else response.end('{}');
    });
    await client.get(WORKSPACE, key);
    reset = true;
    await client.get(WORKSPACE, key);
    t.equal(resets, 1);
    reset = true;
    await t.rejects(client.create(WORKSPACE, { metadata: key } as never), unreachable);
    t.equal(resets, 2);
  },
);

t.test('an abort ends a request with its reason, at every stage', async t => {
  const { server, client } = await setup(t, (request, response) => {
    if (request.url?.includes('half')) response.write('{');
  });
  for (const name of ['silent', 'half']) {
    const stop = new AbortController();
    const call = client.get(WORKSPACE, { ...key, name }, stop.signal);
    await until(() => server.open.size > 0, soon);
    await new Promise(resolve => setImmediate(resolve));
    stop.abort(new Error('enough'));
    await t.rejects(call, { message: 'enough' });
  }
  await t.rejects(client.get(WORKSPACE, key, AbortSignal.abort(new Error('before'))), { message: 'before' });
});

t.test('a watch survives half lines and ends by error when it is cut', async t => {
  const event = json({ type: 'ADDED', object: { metadata: { name: 'é' } } });
  const bytes = Buffer.from(`${event}\n${event}\n{"type":"ADD`);
  const { client } = await setup(t, (_, response) => {
    let i = 0;
    const next = () => {
      if (i >= bytes.length) return response.destroy();
      const end = i + 7;
      response.write(bytes.subarray(i, end), next);
      i = end;
    };
    next();
  });
  const seen: string[] = [];
  await t.rejects(async () => {
    for await (const { object } of client.watch(WORKSPACE)) seen.push(object.metadata.name);
  }, unreachable);
  t.same(seen, ['é', 'é']);
});

t.test('what is large goes and comes as a stream; a refusal of it is an ApiError', async t => {
  const { client } = await setup(t, (request, response) => {
    if (request.url === '/refused') return response.writeHead(403).end('no');
    request.pipe(response);
  });
  const parts = Array.from({ length: 50 }, (_, i) => Buffer.alloc(10_000, i));
  const { body } = await client.stream('POST', '/echo', { body: Readable.from(parts) });
  const back: Buffer[] = [];
  for await (const chunk of body) back.push(chunk);
  t.ok(Buffer.concat(back).equals(Buffer.concat(parts)));
  const forbidden = { name: 'ApiError', reason: 'Forbidden' };
  await t.rejects(client.stream('GET', '/refused'), forbidden);
});

t.test('a stream whose source fails is Unreachable, not half a success', async t => {
  const { client } = await setup(t, (request, response) => {
    request.on('end', () => response.end('whole')).resume();
    request.on('error', () => {});
  });
  const source = new Readable({ read() {} });
  source.push('half');
  const call = client.stream('POST', '/', { body: source });
  source.destroy(new Error('disk error'));
  await t.rejects(call, unreachable);
});

t.test('a closed client refuses, and what was open ends', async t => {
  const { server, client } = await setup(t, () => {});
  const call = client.get(WORKSPACE, key);
  const failed = t.rejects(call, unreachable);
  await until(() => server.open.size === 1, soon);
  await client.close();
  await failed;
  await t.rejects(client.get(WORKSPACE, key), unreachable);
});
