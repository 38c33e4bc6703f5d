import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AuditScope } from '../../../controller/apiserver/audit/audit-event.ts';
import { createAuditLog } from '../../../controller/apiserver/audit/audit-log.ts';
import { registerMaintenance } from '../../../controller/apiserver/maintenance.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { RotatedFile } from '../../../controller/kit/rotated-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { type Any, CM, configMap, startLab } from './lab.ts';

const SECRETS = '/api/v1/namespaces/default/secrets';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const RECEIVED = '2026-01-01T00:00:00.000000Z';

async function startAuditLab(t: Test, scope: AuditScope) {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-audit-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new FakeClock();
  const path = join(dir, 'audit.log');
  const file = new RotatedFile({ file: path, maxBytes: 10_000_000, maxFiles: 2, clock });
  const metrics = new Metrics();
  const { log } = recordingLogger();
  const audit = createAuditLog({ scope, file, metrics, log });
  const lab = await startLab(t, { audit });
  /** What was recorded so far. */
  const recorded = async (): Promise<Any[]> => {
    await file.close();
    return readFileSync(path, { encoding: 'utf8', flag: 'a+' })
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line));
  };
  return { ...lab, audit, recorded, dir, log };
}

t.test('a write is recorded as Kubernetes records it: who, what, when and the answer', async t => {
  const { call, recorded, server } = await startAuditLab(t, 'writes');
  const { token } = await server.tokens.create({ user: 'ann', groups: ['system:masters'], uid: 'u1' });
  const headers = { 'user-agent': 'kubectl/v1.32' };
  await call('POST', `${CM}?fieldManager=me`, configMap('c'), { token, headers });
  await call('POST', CM, configMap('c'), { token });
  await call('POST', CM, { ...configMap(''), metadata: { generateName: 'g-' } }, { token });
  await call('PATCH', '/apis/nexus.dev/v1alpha1/nodes/n1/status', '{}', {
    token,
    type: 'application/merge-patch+json',
  });
  const [created, refused, generated, patched] = await recorded();
  t.match(created.auditID, /^[0-9a-f-]{36}$/);
  delete created.auditID;
  t.strictSame(created, {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    stage: 'ResponseComplete',
    requestURI: `${CM}?fieldManager=me`,
    verb: 'create',
    user: { username: 'ann', uid: 'u1', groups: ['system:masters', 'system:authenticated'] },
    sourceIPs: ['127.0.0.1'],
    userAgent: 'kubectl/v1.32',
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'c', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestReceivedTimestamp: RECEIVED,
    stageTimestamp: RECEIVED,
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
  t.match(refused.responseStatus, {
    status: 'Failure',
    message: 'configmaps "c" already exists',
    reason: 'AlreadyExists',
    code: 409,
  });
  t.equal(refused.objectRef.name, 'c');
  t.match(generated.objectRef.name, /^g-/);
  t.match(patched.objectRef, { resource: 'nodes', name: 'n1', apiGroup: 'nexus.dev', subresource: 'status' });
});

t.test('whoever acts as somebody else is recorded as both', async t => {
  const { call, recorded } = await startAuditLab(t, 'writes');
  await call('GET', CM, undefined, { headers: { 'impersonate-user': 'ann', 'impersonate-group': 'dev' } });
  const [event] = await recorded();
  t.match(event, {
    verb: 'list',
    user: { username: 'admin' },
    impersonatedUser: { username: 'ann', groups: ['dev', 'system:authenticated'] },
    responseStatus: { code: 403, reason: 'Forbidden', message: /User "ann" cannot list/ },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  });
});

t.test('of what is read, Secrets and refusals are recorded; of all, everything but probes', async t => {
  const requests = async (scope: AuditScope) => {
    const { call, recorded } = await startAuditLab(t, scope);
    await call('GET', CM);
    await call('GET', SECRETS);
    await call('GET', '/apis');
    await call('GET', '/livez');
    await call('GET', CM, undefined, { token: 'nexus_wrong' });
    await call('POST', LEASES, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
    });
    await call('DELETE', `${CM}/none`);
    return (await recorded()).map(one => `${one.verb} ${one.requestURI} ${one.responseStatus.code}`);
  };
  t.strictSame(await requests('off'), []);
  t.strictSame(await requests('writes'), [`list ${SECRETS} 200`, `list ${CM} 401`, `delete ${CM}/none 404`]);
  t.strictSame(await requests('all'), [
    `list ${CM} 200`,
    `list ${SECRETS} 200`,
    'get /apis 200',
    `list ${CM} 401`,
    `create ${LEASES} 201`,
    `delete ${CM}/none 404`,
  ]);
});

t.test('nothing secret is in it, wherever somebody put it', async t => {
  const { call, recorded, token } = await startAuditLab(t, 'all');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } };
  await call('POST', SECRETS, { ...secret, stringData: { key: 'hush' } });
  await call('PUT', `${SECRETS}/s`, { ...secret, data: { key: 'hush!' } });
  await call(
    'PATCH',
    `${SECRETS}/s`,
    { data: { 'hush hush': '' } },
    { type: 'application/merge-patch+json' },
  );
  await call('POST', SECRETS, `{"kind": hush`);
  await call('GET', `${SECRETS}/s?access_token=hush&watch=false&x`);
  await call('GET', CM, undefined, { token: 'hush' });
  const events = await recorded();
  t.equal(events.length, 6);
  const text = JSON.stringify(events);
  t.notMatch(text, /hush/);
  t.notOk(text.includes(token));
  t.equal(events[4].requestURI, `${SECRETS}/s?access_token=REDACTED&watch=false&x`);
});

t.test('a backup is recorded: it holds everything', async t => {
  const { server, store, call, recorded, audit, dir, clock, log } = await startAuditLab(t, 'writes');
  const { authorizer, tokens: authenticator } = server;
  await registerMaintenance(server.app, { store, authenticator, authorizer, dir, clock, audit, log });
  await call('GET', '/nexus/v1/backup');
  await call('GET', '/nexus/v1/backup', undefined, { token: null });
  t.match(await recorded(), [
    { requestURI: '/nexus/v1/backup', user: { username: 'admin' }, responseStatus: { code: 200 } },
    { user: { username: 'system:anonymous' }, responseStatus: { code: 403 } },
  ]);
});
