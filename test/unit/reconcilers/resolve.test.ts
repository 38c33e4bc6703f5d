import ssh2 from 'ssh2';
import t from 'tap';
import { secretHash } from '../../../controller/kit/secret-hash.ts';
import {
  hostKeySecretName,
  newHostKeySecret,
  readHostKey,
} from '../../../controller/reconcilers/workspace/host-key.ts';
import { requestedAmounts } from '../../../controller/reconcilers/workspace/requests.ts';
import { resolvePlacement } from '../../../controller/reconcilers/workspace/resolve-placement.ts';
import {
  referencedSecrets,
  resolveSecrets,
} from '../../../controller/reconcilers/workspace/resolve-secrets.ts';
import type { Secret } from '../../../crds/object.ts';
import type { PlacementSpec, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { makeWorkspace } from '../../support/fixtures.ts';

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text: string | undefined) => text && Buffer.from(text, 'base64').toString();
const secret = (data: Record<string, string>): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
});
const resolve = (spec: WorkspaceSpec, secrets: Record<string, Record<string, string>> = {}) =>
  resolveSecrets(spec, name => secrets[name] && secret(secrets[name]), 'r.test/default:1');
const ref = (name: string, key: string, optional?: boolean) => ({
  valueFrom: { secretKeyRef: { name, key, optional } },
});
const repo = { url: 'https://git.test/a.git', credentialsSecretRef: { name: 'git' } };

t.test('secret variables become keys of the placement, plain ones stay as they are', async t => {
  const spec: WorkspaceSpec = {
    env: [
      { name: 'A', value: '1' },
      { name: 'EMPTY' },
      { name: 'B', ...ref('s', 'b') },
      { name: 'NONE', ...ref('s', 'none', true) },
      { name: 'NOBODY', ...ref('ghost', 'x', true) },
    ],
    services: [{ name: 'web', command: 'x', env: [{ name: 'C', ...ref('s', 'c') }] }],
  };
  const found = resolve(spec, { s: { b: 'bee', c: 'sea' } });
  if ('problem' in found) return t.fail(found.problem.message);
  t.same(found.env, [
    { name: 'A', value: '1' },
    { name: 'EMPTY', value: '' },
    { name: 'B', secretKey: 'env.0' },
  ]);
  t.same(found.serviceEnv.get('web'), [{ name: 'C', secretKey: 'env.3' }]);
  t.same(found.data, { 'env.0': encode('bee'), 'env.3': encode('sea') });
  t.same(referencedSecrets({ ...spec, repo, imagePullSecretRef: { name: 'pull' } }), [
    's',
    'ghost',
    'git',
    'pull',
  ]);
});

t.test('of a pull Secret the login of the image’s registry is given to the node, and no other', async t => {
  const imagePullSecretRef = { name: 'pull' };
  const auths = {
    'r.test': { username: 'me', password: 'pw' },
    'other.test': { username: 'x', password: 'y' },
  };
  const secrets = { pull: { '.dockerconfigjson': JSON.stringify({ auths }) } };
  for (const image of ['r.test/a:1', undefined]) {
    const found = resolve({ imagePullSecretRef, ...(image && { image }) }, secrets);
    if ('problem' in found) return t.fail(found.problem.message);
    t.equal(found.imageLogin, true);
    t.same(JSON.parse(decode(found.data['image-login']) ?? ''), { username: 'me', password: 'pw' });
  }
  for (const [secrets, message] of [
    [{}, /pull.*does not exist/],
    [{ pull: { token: 'x' } }, /no key \.dockerconfigjson/],
    [{ pull: { '.dockerconfigjson': '{' } }, /pull for the image is not JSON\. Correct it/],
  ] as const)
    t.match(resolve({ imagePullSecretRef, image: 'r.test/a' }, secrets), {
      problem: { reason: 'SecretNotFound', message },
    });
});

for (const { reason, data, want } of [
  {
    reason: 'username and password',
    data: { username: 'me\n', password: 'pw\n' },
    want: { 'git-username': 'me', 'git-password': 'pw' },
  },
  {
    reason: 'a token alone gets a login that hosts take',
    data: { token: 'tk' },
    want: { 'git-username': 'x-access-token', 'git-password': 'tk' },
  },
  {
    reason: 'an SSH key gets the line end that OpenSSH asks for',
    data: { 'ssh-privatekey': 'KEY\r\nEND' },
    want: { 'git-ssh-privatekey': 'KEY\nEND\n' },
  },
])
  t.test(`credentials: ${reason}`, async t => {
    const found = resolve({ repo }, { git: data });
    if ('problem' in found) return t.fail(found.problem.message);
    t.ok(found.credentials);
    t.same(Object.fromEntries(Object.entries(found.data).map(([k, v]) => [k, decode(v)])), want);
  });

for (const { reason, spec, secrets, says } of [
  {
    reason: 'a Secret',
    spec: { env: [{ name: 'A', ...ref('s', 'k') }] },
    secrets: {},
    says: /Secret s,.*Create it/,
  },
  {
    reason: 'a key',
    spec: { env: [{ name: 'A', ...ref('s', 'k') }] },
    secrets: { s: {} },
    says: /no key k.*Add the key/,
  },
  { reason: 'credentials', spec: { repo }, secrets: {}, says: /Secret git,.*repository/ },
  {
    reason: 'anything to log in with',
    spec: { repo },
    secrets: { git: { username: 'u' } },
    says: /neither password/,
  },
] as { reason: string; spec: WorkspaceSpec; secrets: Record<string, Record<string, string>>; says: RegExp }[])
  t.test(`SecretNotFound without ${reason}, with what to do`, async t => {
    const found = resolve(spec, secrets);
    if (!('problem' in found)) return t.fail('no problem');
    t.equal(found.problem.reason, 'SecretNotFound');
    t.match(found.problem.message, says);
  });

const decision = {
  nodeName: 'n',
  driver: 'docker' as const,
  amounts: { cpuMillis: 1500, memoryBytes: 0, diskBytes: 0 },
  ssh: 2222,
  forwards: [{ name: 'web', port: 80, hostPort: 23000, exposure: 'Node' as const }],
};

t.test('a placement holds everything, resolved, and nothing that is not asked for', async t => {
  const spec: WorkspaceSpec = {
    repo: { ...repo, ref: 'main' },
    ssh: { user: 'me', authorizedKeys: ['ssh-ed25519 AAAA'] },
    services: [
      {
        name: 'web',
        command: 'serve',
        workingDir: 'app',
        port: 80,
        dependsOn: ['db'],
        env: [{ name: 'X', value: '1' }],
        healthCheck: { http: {}, intervalSeconds: 3 },
      },
      { name: 'db', command: 'db', healthCheck: { exec: { command: ['true'] } } },
    ],
    lifecycle: { preStart: 'make' },
    retainVolume: true,
    running: false,
  };
  const workspace = makeWorkspace('w', spec, {
    annotations: { 'nexus.dev/restarted-at': 'now' },
    generation: 7,
  });
  const secrets = resolve(spec, { git: { token: 't' } });
  if ('problem' in secrets) return t.fail(secrets.problem.message);
  const secretData = { ssh_host_ed25519_key: 'aGV5' };
  t.same(resolvePlacement(workspace, decision, { ...secrets, secretData }, { image: 'debian:12' }), {
    workspace: { name: 'w', namespace: 'default', uid: 'uid-w', generation: 7 },
    nodeName: 'n',
    driver: 'docker',
    image: 'debian:12',
    running: false,
    secretName: 'w.default',
    secretHash: secretHash(secretData),
    resources: { cpuMillis: 1500, pids: 4096 },
    repo: { url: repo.url, ref: 'main', credentials: true },
    services: [
      {
        name: 'web',
        command: 'serve',
        workingDir: 'app',
        port: 80,
        dependsOn: ['db'],
        env: [{ name: 'X', value: '1' }],
        healthCheck: {
          http: { path: '/', port: 80 },
          intervalSeconds: 3,
          timeoutSeconds: 5,
          failureThreshold: 3,
          initialDelaySeconds: 0,
        },
      },
      {
        name: 'db',
        command: 'db',
        healthCheck: {
          exec: { command: ['true'] },
          intervalSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 3,
          initialDelaySeconds: 0,
        },
      },
    ],
    forwards: decision.forwards,
    ssh: { user: 'me', port: 2222, authorizedKeys: ['ssh-ed25519 AAAA'] },
    lifecycle: { preStart: 'make' },
    restartedAt: 'now',
    retainVolume: true,
  });
});

t.test('an empty workspace has the defaults', async t => {
  const secrets = resolve({});
  if ('problem' in secrets) return t.fail(secrets.problem.message);
  const spec = resolvePlacement(
    makeWorkspace('w'),
    { ...decision, forwards: [], amounts: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 } },
    { ...secrets, secretData: {} },
    { image: 'debian:12' },
  );
  t.same(spec.ssh, { user: 'dev', port: 2222 });
  t.same(spec.resources, { pids: 4096 });
  t.equal(spec.running, true);
});

t.test('a host key is made once, in OpenSSH format, and goes with its workspace', async t => {
  const made = newHostKeySecret(makeWorkspace('w'));
  t.equal(made.metadata.name, hostKeySecretName('w'));
  t.match(made.metadata.ownerReferences?.[0], { kind: 'Workspace', uid: 'uid-w', name: 'w' });
  t.match(decode(made.data?.ssh_host_ed25519_key), /^-----BEGIN OPENSSH PRIVATE KEY-----\n[\s\S]*\n$/);
  const key = readHostKey(made);
  t.match(key?.publicKey, /^ssh-ed25519 [A-Za-z0-9+/]+=*$/);
  t.equal(
    decode(made.data?.['ssh_host_ed25519_key.pub'])?.trim().split(' ').slice(0, 2).join(' '),
    key?.publicKey,
  );
  t.equal(readHostKey(made), key, 'read once');
  t.not(readHostKey(newHostKeySecret(makeWorkspace('w')))?.publicKey, key?.publicKey);
});

t.test("a user's own host key is taken whatever its kind; what is no private key is not", async t => {
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  t.match(readHostKey(secret({ ssh_host_ed25519_key: pair.private }))?.publicKey, /^ecdsa-sha2-nistp256 /);
  t.equal(readHostKey(secret({ ssh_host_ed25519_key: pair.public })), undefined);
  t.equal(readHostKey(secret({ ssh_host_ed25519_key: 'junk' })), undefined);
  t.equal(readHostKey(secret({})), undefined);
});

t.test('what may be moved is marked, with the same mark for as long as it may be', async t => {
  const decision = {
    nodeName: 'n',
    driver: 'memory',
    amounts: requestedAmounts({}),
    ssh: 2222,
    forwards: [],
  } as const;
  const none = {
    credentials: false,
    imageLogin: false,
    env: [],
    serviceEnv: new Map(),
    data: {},
    secretData: {},
  };
  const place = (spec: WorkspaceSpec, generation: number, placed?: PlacementSpec) =>
    resolvePlacement(makeWorkspace('w', spec, { generation }), { ...decision, forwards: [] }, none, {
      image: 'debian:12',
      placed,
    });
  const made = place({ onNodeLoss: 'Reschedule' }, 1);
  t.match(made, { onNodeLoss: 'Reschedule', fence: 'created' });
  t.equal(place({ onNodeLoss: 'Reschedule', image: 'debian:13' }, 2, made).fence, 'created');
  const waits = place({}, 3, made);
  t.notOk(waits.fence ?? waits.onNodeLoss);
  const again = place({ onNodeLoss: 'Reschedule' }, 4, waits);
  t.equal(again.fence, 'generation-4', 'its node must say that it knows');
  t.equal(place({ onNodeLoss: 'Reschedule' }, 5, again).fence, 'generation-4');
});
