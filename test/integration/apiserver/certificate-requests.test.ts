import t from 'tap';
import { newCertificateRequest } from '../../support/certificate-request.ts';
import { type Answer, type Any, refused } from './lab.ts';
import { clusterBinding, clusterRole, MERGE, RBAC, rule, startRbacLab, user } from './rbac-lab.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const CLIENT = 'kubernetes.io/kube-apiserver-client';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const { request: PEM } = await newCertificateRequest('ann', ['dev']);

const asking = (name: string, spec: object = {}) => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name },
  spec: { request: base64(PEM), signerName: CLIENT, usages: ['client auth'], ...spec },
});
const condition = (type: string, more: object = {}) => ({ type, status: 'True', reason: 'Test', ...more });
const fields = (answer: Answer) => answer.body.details?.causes?.map(({ field }: Any) => field);

t.test('who asks is what the server knows of them, and a request is never changed', async t => {
  const { call, server } = await startRbacLab(t);
  const { token } = await server.tokens.create({
    user: 'ann',
    groups: ['system:masters'],
    extra: { k: ['v'] },
  });
  const claimed = { ...asking('one', { username: 'root', uid: '0', groups: ['x'], extra: { a: ['b'] } }) };
  const status = { certificate: base64('x'), conditions: [condition('Approved')] };
  const made = await call('POST', REQUESTS, { ...claimed, status }, { token });
  t.equal(made.code, 201);
  const { spec } = made.body;
  t.match(spec, { username: 'ann', groups: ['system:masters', 'system:authenticated'], extra: { k: ['v'] } });
  t.notOk(spec.uid);
  t.same(made.body.metadata.managedFields ?? [], [], 'nobody owns what nobody can change');
  t.same(made.body.status, {}, 'nobody asks for what is approved already');
  const patched = await call(
    'PATCH',
    `${REQUESTS}/one`,
    { spec: { signerName: 'a.b/c' }, metadata: { labels: { a: 'b' } } },
    MERGE,
  );
  t.match(patched.body, { spec: { signerName: CLIENT }, metadata: { labels: { a: 'b' } } });
  const applied = { ...asking('one', { usages: ['any'] }), metadata: { name: 'one', labels: { c: 'd' } } };
  const byApply = { type: 'application/apply-patch+yaml' };
  const after = await call('PATCH', `${REQUESTS}/one?fieldManager=tool`, applied, byApply);
  t.equal(after.code, 200, 'what an apply says of it is no conflict');
  t.same(after.body.spec, spec);
  const own = after.body.metadata.managedFields.find(({ manager }: Any) => manager === 'tool');
  t.same(own.fieldsV1, { 'f:metadata': { 'f:labels': { 'f:c': {} } } });
  t.same((await call('GET', `${REQUESTS}?fieldSelector=spec.signerName%3D${CLIENT}`)).body.items.length, 1);
});

t.test('what is no request is refused, field by field', async t => {
  const { call } = await startRbacLab(t);
  const bad = async (spec: object, ...wanted: string[]) => {
    const answer = await call('POST', REQUESTS, asking('bad', spec));
    refused(t, answer, 422, 'Invalid', JSON.stringify(spec));
    t.same(fields(answer), wanted);
  };
  const [, key = '', ...lines] = PEM.split('\n');
  const forged = [PEM.split('\n')[0], key.replace(/./g, c => (c === 'A' ? 'B' : c)), ...lines].join('\n');
  for (const request of [
    base64('nonsense'),
    base64(PEM.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')),
    base64(forged),
  ])
    await bad({ request }, 'spec.request');
  const other = (await newCertificateRequest('bob')).request;
  // The subject of one, the signature of another.
  const der = (pem: string) => Buffer.from(pem.split('\n').slice(1, -1).join(''), 'base64');
  const mixed = Buffer.from(der(PEM));
  der(other).copy(mixed, mixed.length - 60, der(other).length - 60);
  await bad(
    {
      request: base64(
        `-----BEGIN CERTIFICATE REQUEST-----\n${mixed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
      ),
    },
    'spec.request',
  );
  await bad({ usages: [] }, 'spec.usages');
  await bad({ usages: ['client auth', 'client auth', 'odd'] }, 'spec.usages[1]', 'spec.usages[2]');
  await bad({ signerName: 'nodomain' }, 'spec.signerName');
  await bad({ signerName: 'a/b' }, 'spec.signerName');
  await bad({ expirationSeconds: 599 }, 'spec.expirationSeconds');
  const masters = await newCertificateRequest('eve', ['system:masters']);
  const { message } = refused(
    t,
    await call('POST', REQUESTS, asking('m', { request: base64(masters.request) })),
    403,
    'Forbidden',
  );
  t.match(message, /with system:masters group is not allowed/);
  const elsewhere = asking('m', { request: base64(masters.request), signerName: 'example.com/signer' });
  t.equal((await call('POST', REQUESTS, elsewhere)).code, 201, 'other signers do as they please');
});

t.test('keys of every usual kind are taken', async t => {
  const { call } = await startRbacLab(t);
  const kinds = [
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    { name: 'Ed25519' },
  ];
  for (const kind of kinds) {
    const { request } = await newCertificateRequest('ann', [], kind);
    const { name } = kind;
    const made = await call('POST', REQUESTS, asking(name.toLowerCase(), { request: base64(request) }));
    t.equal(made.code, 201, `${name} ${made.text}`);
  }
});

t.test('a decision is made by /approval, once, and a certificate by /status', async t => {
  const { call } = await startRbacLab(t);
  const write = (name: string, sub: string, status: object) =>
    call('PATCH', `${REQUESTS}/${name}/${sub}`, { status }, MERGE);
  await call('POST', REQUESTS, asking('one'));
  t.same(fields(await write('one', 'status', { conditions: [condition('Approved')] })), [
    'status.conditions',
  ]);
  t.same(
    fields(await write('one', 'approval', { conditions: [condition('Approved'), condition('Denied')] })),
    ['status.conditions'],
  );
  t.same(fields(await write('one', 'approval', { conditions: [condition('Denied', { status: 'False' })] })), [
    'status.conditions[0].status',
  ]);
  const approved = await write('one', 'approval', {
    conditions: [condition('Approved')],
    certificate: base64('x'),
  });
  t.match(approved.body.status, {
    conditions: [
      {
        type: 'Approved',
        lastUpdateTime: '2026-01-01T00:00:00Z',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  });
  t.notOk(approved.body.status.certificate, 'approval writes the conditions alone');
  t.same(fields(await write('one', 'approval', { conditions: null })), ['status.conditions']);
  t.same(fields(await write('one', 'status', { certificate: base64('x') })), ['status.certificate']);
  const certificate = base64('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n');
  t.equal((await write('one', 'status', { certificate })).body.status.certificate, certificate);
  t.same(fields(await write('one', 'status', { certificate: null })), ['status.certificate']);
  const put = { ...(await call('GET', `${REQUESTS}/one/approval`)).body, status: {} };
  t.equal(
    (await call('PUT', `${REQUESTS}/one`, put)).body.status.certificate,
    certificate,
    'not by its own path',
  );
  refused(t, await call('DELETE', `${REQUESTS}/one/approval`), 405, 'MethodNotAllowed');
  refused(t, await call('GET', '/api/v1/namespaces/default/configmaps/x/approval'), 404, 'NotFound');
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const table = await call('GET', REQUESTS, undefined, { headers: { accept } });
  t.same(table.body.rows[0].cells, ['one', '0s', CLIENT, 'admin', '<none>', 'Approved,Issued']);
});

t.test('who approves and who signs needs the right to, for that signer', async t => {
  const { call, as } = await startRbacLab(t);
  const group = 'certificates.k8s.io';
  await call(
    'POST',
    `${RBAC}/clusterroles`,
    clusterRole('writer', [
      rule('update patch', group, 'certificatesigningrequests/approval certificatesigningrequests/status'),
    ]),
  );
  await call(
    'POST',
    `${RBAC}/clusterroles`,
    clusterRole('approver', [rule('approve', group, 'signers', 'kubernetes.io/*')]),
  );
  await call('POST', `${RBAC}/clusterroles`, clusterRole('signer', [rule('sign', group, 'signers', CLIENT)]));
  await call(
    'POST',
    `${RBAC}/clusterrolebindings`,
    clusterBinding('w', 'writer', user('ann'), user('bob'), user('eve')),
  );
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('a', 'approver', user('ann')));
  await call('POST', `${RBAC}/clusterrolebindings`, clusterBinding('s', 'signer', user('bob')));
  const [ann, bob, eve] = [await as('ann'), await as('bob'), await as('eve')];
  await call('POST', REQUESTS, asking('one'));
  await call('POST', REQUESTS, asking('foreign', { signerName: 'example.com/x' }));
  const approve = { status: { conditions: [condition('Approved')] } };
  const sign = {
    status: { certificate: base64('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n') },
  };
  for (const [who, path] of [
    [bob, 'one'],
    [eve, 'one'],
    [ann, 'foreign'],
  ] as const)
    t.match(
      refused(t, await who('PATCH', `${REQUESTS}/${path}/approval`, approve, MERGE), 403, 'Forbidden')
        .message,
      /user not permitted to approve requests with signerName/,
    );
  t.equal((await ann('PATCH', `${REQUESTS}/one/approval`, approve, MERGE)).code, 200);
  for (const who of [ann, eve])
    t.match(
      refused(t, await who('PATCH', `${REQUESTS}/one/status`, sign, MERGE), 403, 'Forbidden').message,
      /user not permitted to sign requests with signerName "kubernetes.io\/kube-apiserver-client"/,
    );
  t.equal((await bob('PATCH', `${REQUESTS}/one/status`, sign, MERGE)).code, 200);
});
