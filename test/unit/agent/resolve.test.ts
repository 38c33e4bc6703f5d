import t from 'tap';
import type { GuestFile } from '../../../agent/driver.ts';
import { sameRepositoryUrl, withoutCredentials } from '../../../agent/model/repository-url.ts';
import { resolve } from '../../../agent/model/resolve.ts';
import { matchesSpecHash, specHash } from '../../../agent/model/spec-hash.ts';
import {
  desiredOf,
  FACTS,
  HOST_KEY,
  placementOf,
  placementSecret,
  placementSpec,
  type SpecPatch,
} from '../../support/agent-data.ts';

t.test('names and labels lead back to the placement, and the volume outlives the container', async t => {
  const { instance } = desiredOf({ retainVolume: true });
  t.match(instance.name, /^nexus-shop\.default-[0-9a-f]{8}$/);
  t.equal(instance.volume.name, `${instance.name}-home`);
  t.match(instance.labels, {
    'nexus.dev/placement': 'shop.default',
    'nexus.dev/node': 'n1',
    'nexus.dev/workspace-uid': 'uid-of-shop',
    'nexus.dev/spec-hash': /^v1-[0-9a-f]{16}$/,
  });
  t.equal(instance.volume.labels['nexus.dev/retained'], 'true');
  t.same(instance.publish, [{ containerPort: 22, hostPort: 2222, hostAddress: '127.0.0.1' }]);
  t.equal(instance.limits.pids, 4096);
});

t.test('the spec-hash moves with what cannot change in place, and with nothing else', async t => {
  const hash = (patch: Parameters<typeof desiredOf>[0]) => specHash(desiredOf(patch).immutable);
  const base = hash({});
  for (const same of [
    { running: false },
    { services: [{ name: 'web', command: 'web' }] },
    { env: [{ name: 'A', value: '1' }] },
    { resources: { cpuMillis: 1000 } },
    { ssh: { authorizedKeys: [] } },
    { forwards: [{ name: 'x', port: 1, hostPort: 2, exposure: 'Node' as const }] },
    { restartedAt: 'now' },
    { lifecycle: { preStart: 'a' } },
    { repo: { url: 'u' } },
    { retainVolume: true },
  ])
    t.equal(hash(same), base, JSON.stringify(same));
  for (const other of [{ image: 'debian:13' }, { ssh: { user: 'me' } }, { ssh: { port: 2223 } }])
    t.not(hash(other), base, JSON.stringify(other));
});

t.test('a label of an older or later agent makes no container anew', async t => {
  const { immutable } = desiredOf();
  // Written down, so that a change of the scheme is seen: containers that are out there carry it.
  t.equal(specHash(immutable), 'v1-02d5b7123191cb22');
  t.ok(matchesSpecHash(specHash(immutable), immutable));
  t.ok(matchesSpecHash('v99-0123456789abcdef', immutable), 'a later scheme is not known here');
  t.notOk(matchesSpecHash('v1-0000000000000000', immutable));
  t.notOk(matchesSpecHash(undefined, immutable));
  t.notOk(matchesSpecHash('garbage', immutable));
});

t.test('the Secret must be the one that the spec speaks of', async t => {
  const spec = placementSpec('shop');
  const secret = placementSecret('n1', 'shop.default');
  const why = (patch: object, given: typeof secret | undefined) =>
    resolve(placementOf('shop', { ...spec, ...patch }), given, FACTS).insideMissing?.message ?? 'none';
  t.equal(why({}, secret), 'none');
  t.match(why({}, undefined), 'not on the node yet');
  t.match(why({ secretHash: 'other' }, secret), 'not yet the one');
  t.match(why({ env: [{ name: 'A', secretKey: 'env.0' }] }, secret), 'no key env.0');
  t.match(
    why({ services: [{ name: 'a', command: 'a', env: [{ name: 'A', secretKey: 'env.7' }] }] }, secret),
    'no key env.7',
  );
  t.match(
    why({}, placementSecret('n1', 'shop.default', { ssh_host_ed25519_key: 'no key' })),
    'is not an OpenSSH private key',
  );
  t.ok(resolve(placementOf('shop', spec), undefined, FACTS).bootFiles.length > 0, 'a container can be made');
});

t.test('without the Secret the host key that the node kept makes what needs nothing else of it', t => {
  const env = [{ name: 'A', secretKey: 'env.0' }];
  const services = [
    { name: 'free', command: 'f' },
    { name: 'locked', command: 'l', env },
  ];
  const kept = (patch: SpecPatch) =>
    desiredOf(patch, { ...values, secret: false, hostKey: HOST_KEY.privateKey });
  const values = { values: { 'env.0': 'hunter2', 'git-password': 'p' } };
  const paths = (files: GuestFile[] = []) => files.map(({ path }) => path).sort();
  for (const patch of [
    { services },
    { services, repo: { url: 'https://example.com/a', credentials: true } },
    { services, env: [...env, { name: 'B', value: 'plain' }] },
  ]) {
    const { inside: whole } = desiredOf(patch, values);
    const { inside: part, insideMissing, bootFiles } = kept(patch);
    const name = JSON.stringify(patch);
    t.equal(insideMissing, undefined, name);
    t.equal(part?.hostPublicKey, HOST_KEY.publicKey, name);
    t.same(bootFiles, whole?.config.boot, name);
    t.same(part?.config.keys, whole?.config.keys, name);
    for (const file of part?.config.runtime ?? [])
      t.same(
        file,
        whole?.config.runtime.find(({ path }) => path === file.path),
        `${file.path}, ${name}`,
      );
    const all = paths([...(part?.config.runtime ?? []), ...(part?.atStart ?? [])]);
    t.same(all, paths(whole?.config.runtime), `a start has every file, ${name}`);
    for (const [service, config] of Object.entries(part?.config.services ?? {}))
      t.same(config, whole?.config.services[service], `${service} need not be restarted, ${name}`);
    t.notMatch(JSON.stringify(part), /hunter2/);
  }
  t.match(kept({ services }).inside?.withheld, { env: false, git: false, services: ['locked'] });
  const shared = kept({ services, env: [...env, { name: 'B', value: 'plain' }] }).inside;
  t.match(shared?.withheld, { env: true, services: ['free', 'locked'] });
  t.match(shared?.atStart, [{ path: '/run/nexus/env', content: "export B='plain'\n" }], 'what is known');
  t.equal(kept({ services, ssh: { user: 'me' } }).inside?.config.runtime[0]?.content, 'me\n');
  const damaged = desiredOf({}, { secret: false, hostKey: 'no key' });
  t.match(damaged.insideMissing?.message, 'is not an OpenSSH private key');
  t.end();
});

t.test('the host key in the status is the public half of the one in the Secret', async t => {
  t.equal(desiredOf().inside?.hostPublicKey, HOST_KEY.publicKey);
});

t.test('health checks have their defaults, and the port of the service', async t => {
  const checks = desiredOf({
    services: [
      { name: 'a', command: 'a', port: 80, healthCheck: { http: {} } },
      { name: 'b', command: 'b', port: 80, healthCheck: { tcp: { port: 81 }, intervalSeconds: 1 } },
      { name: 'c', command: 'c', healthCheck: { exec: { command: ['true'] }, initialDelaySeconds: 9 } },
      { name: 'd', command: 'd', healthCheck: { tcp: {} } },
      { name: 'e', command: 'e', port: 80, healthCheck: {} },
    ],
  }).services.map(({ check }) => check);
  const times = { intervalMs: 10_000, timeoutMs: 5_000, initialDelayMs: 0, failureThreshold: 3 };
  t.same(checks, [
    { http: { path: '/', port: 80 }, ...times },
    { tcp: { port: 81 }, ...times, intervalMs: 1_000 },
    { exec: { command: ['true'] }, ...times, initialDelayMs: 9_000 },
    undefined,
    undefined,
  ]);
});

t.test('a clone is another one when its url, ref or credentials are', async t => {
  const token = (repo: object, values = {}) =>
    desiredOf({ repo: { url: 'https://example.com/a', ...repo } }, { values }).repo?.token;
  const all = [
    token({}),
    token({ ref: 'main' }),
    token({ url: 'https://example.com/b' }),
    token({ credentials: true }, { 'git-password': 'a' }),
    token({ credentials: true }, { 'git-password': 'b' }),
  ];
  t.equal(new Set(all).size, all.length);
  t.equal(token({}), all[0]);
});

t.test(
  "a repository's login is among the secret files, and nothing of it where it asks for none",
  async t => {
    const values = { 'git-username': 'u', 'git-password': 'p', 'git-ssh-privatekey': 'k' };
    const files = (repo: object) =>
      desiredOf(
        { repo: { url: 'https://example.com/a', ...repo } },
        { values },
      ).inside?.config.runtime.filter(({ path }) => path.startsWith('/run/nexus/git-'));
    t.match(files({ credentials: true }), [
      {
        content: "nexus_origin='https://example.com'\nnexus_username='u'\nnexus_password='p'\n",
        mode: 0o400,
      },
      { content: 'k\n', mode: 0o400 },
    ]);
    t.match(files({}), [{ content: '' }, { content: '' }]);
  },
);

t.test('preStop belongs to one stop; preStart and postStart to a command', async t => {
  const hooks = (generation: number, deleting = false) =>
    desiredOf(
      { lifecycle: { preStart: 'a', postStart: 'b', preStop: 'c' } },
      { metadata: { generation, ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }) } },
    ).hooks;
  t.equal(hooks(1).preStart?.token, hooks(2).preStart?.token);
  t.not(hooks(1).preStop?.token, hooks(2).preStop?.token);
  t.not(hooks(1).preStop?.token, hooks(1, true).preStop?.token);
});

t.test('URLs are shown, and compared, without what is secret in them', async t => {
  t.equal(withoutCredentials('https://u:p@example.com/a.git'), 'https://example.com/a.git');
  t.equal(withoutCredentials('git@example.com:a.git'), 'git@example.com:a.git');
  t.ok(sameRepositoryUrl('https://u:p@example.com/a.git', 'https://example.com/a/'));
  t.notOk(sameRepositoryUrl('https://example.com/a', 'https://example.com/b'));
});
