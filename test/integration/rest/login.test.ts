import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { LOGIN_NAMESPACE, loginMessage } from '../../../controller/kit/login-proof.ts';
import { USER } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import { restLab, soon } from './rest-lab.ts';

const lab = await restLab(t, { loginTtl: 60_000 }, { agent: false });
const { call, github, server } = lab;
const dir = t.testdir();

function newKey(name: string) {
  const file = join(dir, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const listed = execFileSync('ssh-keygen', ['-lf', `${file}.pub`]).toString();
  return { file, key: readFileSync(`${file}.pub`, 'utf8').trim(), fingerprint: listed.split(' ')[1] ?? '' };
}
const laptop = newKey('laptop');
const unknown = newKey('unknown');

const addUser = (name: string, spec: User['spec']) =>
  server.client.create(USER, { apiVersion: 'nexus.dev/v1alpha1', kind: 'User', metadata: { name }, spec });
await addUser('ada', {
  github: { login: 'Ada', id: github.idOf('Ada') },
  sshKeys: [{ name: 'laptop', key: laptop.key }],
});
await addUser('eve', { github: { login: 'eve' } });
await soon(async () => (await server.client.get(USER, { name: 'ada' })).status?.keys === 1);

async function sign(file: string, message: string, namespace = LOGIN_NAMESPACE): Promise<string> {
  const child = promisify(execFile)('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', file]);
  child.child.stdin?.end(message);
  return (await child).stdout;
}
async function challenge(...fingerprints: string[]) {
  const { body } = await call('POST', '/login/challenge', { token: null, body: { fingerprints } });
  return body as unknown as { challenge: string; server: string; fingerprint: string | null };
}
const prove = (challenge: string, signature: string) =>
  call('POST', '/login/ssh', { token: null, body: { challenge, signature } });
async function login(key = laptop) {
  const { challenge: one, server } = await challenge(key.fingerprint);
  return prove(one, await sign(key.file, loginMessage(server, one)));
}
const whoAmI = async (token: string) => (await call('GET', '/users/ada', { token })).status;
const refused = { status: 401, body: { error: 'auth_required' } };

t.test('a registered SSH key is worth a token, which is that user and no more', async t => {
  t.match(await challenge(unknown.fingerprint, laptop.fingerprint), { fingerprint: laptop.fingerprint });
  t.match(await challenge(unknown.fingerprint), { fingerprint: null });
  const { status, body, headers } = await login();
  t.match({ status, body }, { status: 201, body: { user: 'ada', namespace: 'ada', token: /^nexus_/ } });
  t.equal(headers['cache-control'], 'no-store');
  const token = String(body.token);
  t.equal(await whoAmI(token), 200);
  const left = Date.parse(String(body.expires_at)) - Date.now();
  t.ok(left > 50_000 && left <= 60_000, `${left} ms`);
  t.match(await call('GET', '/users/eve', { token }), { status: 404 });
  t.match(await call('POST', '/nodes', { token, body: { name: 'n9' } }), { status: 403 });
});

t.test(
  'a signature for another server, another purpose, another key or another time is worth nothing',
  async t => {
    const { challenge: one, server } = await challenge(laptop.fingerprint);
    const elsewhere = server.replace(/^../, 'EE');
    t.match(
      await prove(one, await sign(laptop.file, loginMessage(elsewhere, one))),
      refused,
      'another server',
    );
    t.match(
      await prove(one, await sign(laptop.file, loginMessage(server, one), 'file')),
      refused,
      'another purpose',
    );
    t.match(await prove(one, await sign(unknown.file, loginMessage(server, one))), refused, 'nobody’s key');
    const { challenge: two } = await challenge(laptop.fingerprint);
    const signature = await sign(laptop.file, loginMessage(server, two));
    t.match(await prove(one, signature), refused, 'another challenge');
    t.match(await prove(two, signature), { status: 201 });
    t.match(await prove(two, signature), refused, 'a second time');
    const mine = `${one.slice(0, -4)}AAAA`;
    t.match(
      await prove(mine, await sign(laptop.file, loginMessage(server, mine))),
      refused,
      'one of my own making',
    );
  },
);

t.test('a GitHub token is worth a token, for who is registered', async t => {
  const { body, status } = await call('POST', '/login', { token: github.token('Ada') });
  t.match({ status, body }, { status: 201, body: { user: 'ada' } });
  t.equal(await whoAmI(String(body.token)), 200);
  t.match(await call('POST', '/login', { token: github.token('mallory') }), { status: 403 });
  t.match(await call('POST', '/login', { token: 'gho_none' }), refused);
  t.match(
    await call('POST', '/login', { token: String(body.token) }),
    { status: 400 },
    'not a token for a token',
  );
  t.match(await call('POST', '/login', { token: null }), refused);
});

t.test('a token ends with its logout, and no other does', async t => {
  const [one, two] = [await login(), await login()].map(({ body }) => String(body.token));
  t.match(await call('POST', '/logout', { token: one }), { status: 204 });
  t.equal(await whoAmI(one!), 401);
  t.equal(await whoAmI(two!), 200);
  t.match(await call('POST', '/logout'), { status: 400 }, "the installation's own token stays");
  t.equal((await call('GET', '/nodes')).status, 200);
});

t.test('a token ends with the key that it was got with, with a suspension, and with its user', async t => {
  const bySsh = String((await login()).body.token);
  const byGitHub = String((await call('POST', '/login', { token: github.token('Ada') })).body.token);
  const path = `/users/ada/ssh-keys/${encodeURIComponent(laptop.fingerprint)}`;
  t.match(await call('DELETE', path), { status: 200 });
  t.equal(await whoAmI(bySsh), 401);
  t.equal(await whoAmI(byGitHub), 200);
  await server.client.patch(USER, { name: 'ada' }, 'merge', { spec: { suspended: true } });
  t.equal(await whoAmI(byGitHub), 401);
  t.match(await call('POST', '/login', { token: github.token('Ada') }), { status: 403 });
  await server.client.patch(USER, { name: 'ada' }, 'merge', { spec: { suspended: false } });
  t.equal(await whoAmI(byGitHub), 200);
  await server.client.delete(USER, { name: 'ada' });
  t.equal(await whoAmI(byGitHub), 401);
  await soon(
    async () => !(await server.client.list(USER)).items.some(({ metadata }) => metadata.name === 'ada'),
  );
  await addUser('ada', { github: { login: 'Ada', id: github.idOf('Ada') } });
  t.equal(await whoAmI(byGitHub), 401, 'another user of that name');
});

t.test(
  'of a body that is wrong many times over one thing is told, as nobody need show who they are',
  async t => {
    const problems = async (count: number) => {
      const body = { fingerprints: Array(count).fill('') };
      const answer = await call('POST', '/login/challenge', { token: null, body });
      t.equal(answer.status, 400);
      return (answer.body.details as { problems: unknown[] }).problems.length;
    };
    t.equal(await problems(2), 2);
    t.equal(await problems(100_000), 1);
  },
);

t.test('who guesses is slowed down', async t => {
  const { challenge: one } = await challenge();
  const guesses = Array.from({ length: 30 }, () => prove(one, 'guess'));
  t.match((await Promise.all(guesses)).at(-1), { status: 429 });
});
