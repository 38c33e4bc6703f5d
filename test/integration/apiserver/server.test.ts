import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTls } from '../../../controller/apiserver/tls.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';
import { CM, configMap, startLab } from './lab.ts';

const DAY_MS = 86_400_000;

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-tls-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'tls');
}

const get = (url: string, ca?: string, headers: Record<string, string> = {}) =>
  new Promise<{ code: number; serial: string; text: string }>((resolve, reject) => {
    const call = request(
      url,
      { agent: new Agent(ca === undefined ? { rejectUnauthorized: false } : { ca }), headers },
      response => {
        const serial = (
          response.socket as unknown as { getPeerCertificate(): { serialNumber: string } }
        ).getPeerCertificate().serialNumber;
        let text = '';
        response.on('data', chunk => {
          text += chunk;
        });
        response.on('end', () => resolve({ code: response.statusCode ?? 0, serial, text }));
      },
    );
    call.once('error', reject);
    call.end();
  });

t.test(
  'an authority is made once and kept; its certificate is good for every name of the server',
  async t => {
    const dir = folder(t);
    const clock = new FakeClock(Date.now());
    const one = await openTls({
      dir,
      hosts: ['nexus.example.com', '192.0.2.7', '0.0.0.0', 'not a host!'],
      clock,
    });
    one.close();
    t.equal(statSync(dir).mode & 0o777, 0o700);
    for (const file of ['ca.crt', 'ca.key', 'server.crt', 'server.key'])
      t.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
    const certificate = new X509Certificate(one.cert);
    for (const host of ['localhost', 'nexus.example.com']) t.equal(certificate.checkHost(host), host);
    for (const address of ['127.0.0.1', '::1', '192.0.2.7']) t.ok(certificate.checkIP(address), address);
    t.ok(certificate.verify(new X509Certificate(one.ca).publicKey));
    const two = await openTls({ dir, hosts: ['nexus.example.com'], clock });
    two.close();
    t.same([two.ca, two.cert], [one.ca, one.cert], 'nothing is made anew');
    const three = await openTls({ dir, hosts: ['other.example.com'], clock });
    three.close();
    t.equal(three.ca, one.ca);
    t.not(three.cert, one.cert, 'a new host needs a new certificate');
  },
);

t.test('the certificate is renewed while running, before it runs out', async t => {
  const dir = folder(t);
  const clock = new FakeClock(Date.now());
  const tls = await openTls({ dir, clock });
  const first = tls.cert;
  const renewals: string[] = [];
  const off = tls.onRenew(material => renewals.push(material.cert));
  await clock.advance(330 * DAY_MS);
  t.equal(tls.cert, first);
  await clock.advance(10 * DAY_MS);
  await until(() => renewals.length > 0, { timeoutMs: 15_000, everyMs: 5, what: () => 'a renewal' });
  t.same(renewals, [tls.cert]);
  t.not(tls.cert, first);
  off();
  tls.close();
  t.equal(clock.pending, 0);
});

t.test('damaged files of the authority are told, those of the certificate are made anew', async t => {
  const dir = folder(t);
  const one = await openTls({ dir, clock: systemClock });
  one.close();
  writeFileSync(join(dir, 'server.key'), 'garbage');
  const two = await openTls({ dir, clock: systemClock });
  two.close();
  t.not(two.cert, one.cert);
  const key = readFileSync(join(dir, 'ca.key'));
  writeFileSync(join(dir, 'ca.key'), readFileSync(join(dir, 'server.key')));
  await t.rejects(
    openTls({ dir, clock: systemClock }),
    /ca\.crt and .*ca\.key cannot be used .*restore both from a backup/,
  );
  rmSync(join(dir, 'ca.key'));
  await t.rejects(openTls({ dir, clock: systemClock }), /ca\.key is missing: restore/);
  writeFileSync(join(dir, 'ca.key'), key);
  rmSync(join(dir, 'ca.crt'));
  const broken = await openTls({ dir, clock: systemClock });
  broken.close();
  t.not(broken.ca, one.ca, 'a start that was broken off before the certificate was written begins again');
});

t.test('HTTPS with its own authority, and a renewed certificate without a restart', async t => {
  const clock = new FakeClock(Date.now());
  const tls = await openTls({ dir: folder(t), clock });
  const { server, token } = await startLab(t, { tls });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const first = await get(`${url}/readyz`, tls.ca);
  t.match(first, { code: 200, text: 'ok' });
  t.match(await get(`${url}${CM}`, tls.ca, { authorization: `Bearer ${token}` }), {
    code: 200,
    text: /ConfigMapList/,
  });
  await clock.advance(345 * DAY_MS);
  await until(async () => (await get(`${url}/livez`)).serial !== first.serial, {
    timeoutMs: 15_000,
    everyMs: 20,
    what: () => 'the new certificate',
  });
  tls.close();
});

t.test(
  'what is no HTTP is answered as badly as it deserves, and a slow start of a request is not waited for',
  async t => {
    const { server } = await startLab(t);
    const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('NONSENSE\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    t.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 /);
  },
);

t.test('close ends watches and idle connections within seconds, and turns new requests away', async t => {
  const { server, token, call } = await startLab(t, { clock: systemClock });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  const ended = new Promise<void>(resolve => {
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.on('close', () => resolve());
  });
  socket.write(`GET ${CM}?watch=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await until(() => text.includes('200 OK'), { timeoutMs: 10_000, everyMs: 5, what: () => 'the watch' });
  await call('POST', CM, configMap('c'));
  await until(() => text.includes('ADDED'), { timeoutMs: 10_000, everyMs: 5, what: () => 'the event' });
  const idle = connect(Number(new URL(url).port), '127.0.0.1');
  idle.on('error', () => {});
  const began = performance.now();
  const closing = server.close();
  const late = await call('GET', CM).catch(() => ({ code: 503 }));
  t.equal(late.code, 503);
  await Promise.all([closing, ended]);
  t.ok(performance.now() - began < 45_000, 'not after the minutes that a watch may last');
  t.ok(text.endsWith('0\r\n\r\n'), 'the watch ended as an answer should');
  idle.destroy();
  await server.close();
});
