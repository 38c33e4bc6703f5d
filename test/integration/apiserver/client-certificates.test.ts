import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import {
  createAuthority,
  createClientCertificate,
  createServerCertificate,
  type KeyPair,
  signClientRequest,
} from '../../../controller/apiserver/certificates.ts';
import { openClientAuthority, openTls } from '../../../controller/apiserver/tls.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { injectTransport } from '../../../controller/client/inject-transport.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createCertificateRequests } from '../../../controller/reconcilers/certificates/certificate-requests.ts';
import { createController, watch } from '../../../controller/runtime/controller.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { CERTIFICATE_SIGNING_REQUEST } from '../../../crds/kinds.ts';
import { newCertificateRequest } from '../../support/certificate-request.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { patience, until } from '../../support/until.ts';
import { type Any, startLab } from './lab.ts';

const run = promisify(execFile);
const REVIEW = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const HOUR_MS = 3_600_000;

async function startCertificateLab(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-certificates-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new FakeClock(Date.now());
  const tls = await openTls({ dir: join(dir, 'tls'), clock });
  t.teardown(() => tls.close());
  const authority = await openClientAuthority(join(dir, 'tls'), clock);
  const lab = await startLab(t, { clock, tls });
  const { url } = await lab.server.listen({ host: '127.0.0.1', port: 0 });
  const issue = (user: string, groups: string[] = [], by: KeyPair = authority) =>
    createClientCertificate(by, { user, groups, ttlMs: HOUR_MS }, clock.now());
  /** Who the server takes the holder of a certificate for. */
  const whoami = async (pair?: KeyPair, token?: string, agent = agentOf(tls.ca, pair)) => {
    const headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const { code, body } = await post(`${url}${REVIEW}`, { agent, headers });
    return code === 201 ? body.status.userInfo : { code, reason: body.reason };
  };
  return { ...lab, clock, url, tls, authority, issue, whoami, dir };
}

const agentOf = (ca: string, pair?: KeyPair) => new Agent({ ca, keepAlive: true, ...(pair && pair) });

function post(url: string, options: object): Promise<{ code: number; body: Any }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', ...options }, async response => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) });
    });
    call.once('error', reject);
    call.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');
  });
}

t.test('a certificate of the installation tells who its holder is: CN the user, O the groups', async t => {
  const { issue, whoami, tls } = await startCertificateLab(t);
  t.strictSame(await whoami(await issue('ann', ['dev', 'ops'])), {
    username: 'ann',
    groups: ['dev', 'ops', 'system:authenticated'],
  });
  t.strictSame(
    await whoami(await issue('o=x,cn=y+z"', [])),
    {
      username: 'o=x,cn=y+z"',
      groups: ['system:authenticated'],
    },
    'a name is a name',
  );
  await t.rejects(issue('#0a'), /cannot be a name/);
  const pair = await issue('bob', ['dev']);
  const agent = agentOf(tls.ca, pair);
  for (let i = 0; i < 3; i++) {
    t.match(await whoami(pair, undefined, agent), { username: 'bob' });
    // The next connection resumes the session.
    for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
  }
});

t.test('one that has run out, is of somebody else, or is for a server is refused', async t => {
  const { authority, clock, issue, whoami, tls, token } = await startCertificateLab(t);
  const refused = { code: 401, reason: 'Unauthorized' };
  const foreign = await createAuthority(clock.now(), 'Nexus client CA');
  t.match(
    await whoami(await issue('ann', ['system:masters'], foreign)),
    refused,
    'another authority of the name',
  );
  t.match(
    await whoami(await createServerCertificate(authority, ['ann'], clock.now())),
    refused,
    'not for clients',
  );
  const pair = await issue('ann');
  const agent = agentOf(tls.ca, pair);
  t.match(await whoami(pair, undefined, agent), { username: 'ann' });
  await clock.advance(HOUR_MS);
  t.match(await whoami(pair, undefined, agent), refused, 'also on a connection that was good');
  t.match(await whoami(pair, token), { username: 'admin' }, 'a token that holds does for it');
  t.match(await whoami(pair, 'nexus_wrong'), refused);
  t.match(await whoami(undefined, token), { username: 'admin' }, 'nobody needs one');
});

t.test('kubectl uses it as it stands in a kubeconfig, and rights are by user and group', async t => {
  const { issue, call, url, tls, dir } = await startCertificateLab(t);
  await call('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'dev' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'dev' }],
  });
  const kubectl = async (...args: string[]) => {
    const { cert, key } = await issue('ann', ['dev']);
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const file = join(dir, 'kubeconfig');
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': base64(tls.ca) } }],
        users: [
          { name: 'c', user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } },
        ],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'c', namespace: 'default' } }],
      }),
    );
    return run('kubectl', ['--kubeconfig', file, ...args], { timeout: patience(60_000) });
  };
  t.match(
    (await kubectl('auth', 'whoami')).stdout,
    /Username\s+ann\n.*Groups\s+\[dev system:authenticated\]/s,
  );
  t.match((await kubectl('get', 'configmaps', '-o', 'name')).stdout, '');
  await t.rejects(kubectl('get', 'secrets'), /User "ann" cannot list resource "secrets"/);
});

t.test('one that is asked for is given when somebody approves it, and forgotten after an hour', async t => {
  const { whoami, call, clock, authority, server, token } = await startCertificateLab(t);
  const transport = injectTransport(server.app, { authorization: `Bearer ${token}` });
  const client = createClient({ transport, clock });
  t.teardown(() => client.close());
  const common = { client, clock, log: silentLogger };
  const informer = createInformer({ ...common, resource: CERTIFICATE_SIGNING_REQUEST });
  const signer = createController({
    ...common,
    reconciler: createCertificateRequests({
      ...common,
      requests: informer,
      sign: (request, ttlMs) => signClientRequest(authority, request, ttlMs, clock.now()),
      maxTtlMs: 2 * HOUR_MS,
    }),
    watches: [watch(informer)],
  });
  const stop = new AbortController();
  const running = [informer.run(stop.signal), signer.run(stop.signal)];
  t.teardown(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const ask = async (name: string, spec: object = {}) => {
    const { request, key } = await newCertificateRequest('ann', ['dev', 'ops']);
    await call('POST', REQUESTS, {
      metadata: { name },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
        ...spec,
      },
    });
    return key;
  };
  const merge = { type: 'application/merge-patch+json' };
  const decide = (name: string, type: string) => {
    const conditions = [{ type, status: 'True', reason: 'Test', message: '' }];
    return call('PATCH', `${REQUESTS}/${name}/approval`, { status: { conditions } }, merge);
  };
  const settled = (name: string) =>
    until(
      async () => {
        const { status } = (await call('GET', `${REQUESTS}/${name}`)).body;
        return (status.certificate || status.conditions?.[1]) && status;
      },
      { timeoutMs: 20_000, what: () => `${name} to be settled` },
    );
  const hours = (pem: string) => {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    return Math.round((validToDate.getTime() - validFromDate.getTime()) / (HOUR_MS / 10)) / 10;
  };
  const certificateOf = async (name: string) =>
    Buffer.from((await settled(name)).certificate, 'base64').toString();

  const key = await ask('one', { expirationSeconds: 3600 });
  await ask('long', { expirationSeconds: 1_000_000 });
  await ask('odd', { usages: ['client auth', 'server auth'] });
  await ask('denied');
  await ask('waiting');
  for (const name of ['one', 'long', 'odd']) await decide(name, 'Approved');
  await decide('denied', 'Denied');
  const cert = await certificateOf('one');
  t.match(await whoami({ cert, key }), { username: 'ann', groups: ['dev', 'ops', 'system:authenticated'] });
  t.equal(hours(cert), 1.1, 'as long as was asked for, and five minutes before');
  t.equal(hours(await certificateOf('long')), 2.1, 'no longer than is allowed');
  t.match((await settled('odd')).conditions[1], {
    type: 'Failed',
    reason: 'SignerValidationFailure',
    message: 'invalid usage for client certificate: server auth',
  });
  for (const name of ['denied', 'waiting'])
    t.notOk((await call('GET', `${REQUESTS}/${name}`)).body.status.certificate, name);
  const left = async (wanted: string[]) =>
    until(
      async () => {
        const { items } = (await call('GET', REQUESTS)).body;
        return items.map(({ metadata }: Any) => metadata.name).join() === wanted.join();
      },
      { timeoutMs: 20_000, what: () => `only ${wanted} to be left` },
    );
  await clock.advance(HOUR_MS);
  await left(['waiting']);
  await clock.advance(24 * HOUR_MS);
  await left([]);
});
