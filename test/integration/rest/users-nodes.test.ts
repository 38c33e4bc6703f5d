import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { USER } from '../../../crds/kinds.ts';
import { restLab } from './rest-lab.ts';

const lab = await restLab(t, { registration: 'open' });
const { call, github, server } = lab;
const adaToken = github.token('Ada');
const eveToken = github.token('eve');

const dir = t.testdir();
const newKey = (name: string) => {
  const file = join(dir, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const fingerprint =
    execFileSync('ssh-keygen', ['-lf', `${file}.pub`])
      .toString()
      .split(' ')[1] ?? '';
  return { ssh_pubkey: readFileSync(`${file}.pub`, 'utf8'), fingerprint };
};
const laptop = newKey('laptop');
const registration = {
  github_username: 'Ada',
  github_id: github.idOf('Ada'),
  ssh_pubkey: laptop.ssh_pubkey,
  ssh_pubkey_fingerprint: laptop.fingerprint,
};

t.test('a person registers with their own GitHub token and key, once', async t => {
  const register = (body: object, token = adaToken) => call('POST', '/users/register', { body, token });
  t.match(
    await register(registration, eveToken),
    { status: 403, body: { error: 'forbidden' } },
    'as somebody else',
  );
  t.match(
    await register({ ...registration, ssh_pubkey_fingerprint: newKey('other').fingerprint }),
    { status: 400, body: { error: 'invalid_ssh_key' } },
    'with the fingerprint of another key',
  );
  t.match(await register({ ...registration, ssh_pubkey: 'ssh-rsa AAAA' }), {
    status: 400,
    body: { error: 'invalid_ssh_key' },
  });
  t.match(await register(registration), {
    status: 201,
    body: {
      github_username: 'Ada',
      ssh_pubkey_fingerprint: laptop.fingerprint,
      registered_at: /Z$/,
      workspaces: [],
      user_id: /./,
    },
  });
  t.match(await register(registration), { status: 409, body: { error: 'user_exists' } });
  const { spec } = await server.client.get(USER, { name: 'ada' });
  t.match(spec, {
    github: { login: 'Ada', id: github.idOf('Ada') },
    role: 'member',
    sshKeys: [{ name: 'laptop' }],
  });
  const asked = github.calls.filter(one => one === 'GET /user').length;
  t.match(await call('GET', '/users/ada', { token: adaToken }), { status: 200, body: { name: 'ada' } });
  t.equal(
    github.calls.filter(one => one === 'GET /user').length,
    asked,
    'who a token is of is not asked again',
  );
});

t.test('keys come and go, by the user and by nobody else', async t => {
  const desk = newKey('desk');
  const path = `/users/ada/ssh-keys/${encodeURIComponent(desk.fingerprint)}`;
  const body = { ssh_pubkey: desk.ssh_pubkey };
  t.match(await call('PUT', path, { body, token: eveToken }), {
    status: 404,
    body: { error: 'user_not_found' },
  });
  t.match(await call('PUT', path, { body, token: adaToken }), {
    status: 200,
    body: { ssh_keys: [{ name: 'laptop' }, { name: 'desk', fingerprint: desk.fingerprint }] },
  });
  t.match(await call('PUT', path, { body }), { status: 409, body: { error: 'ssh_key_exists' } });
  t.match(await call('DELETE', path, { token: adaToken }), {
    status: 200,
    body: { ssh_keys: [{ name: 'laptop' }] },
  });
  const { spec } = await server.client.get(USER, { name: 'ada' });
  t.equal(spec.sshKeys?.length, 1);
});

t.test('a suspended user is shut out', async t => {
  await server.client.patch(USER, { name: 'ada' }, 'merge', { spec: { suspended: true } });
  t.match(await call('GET', '/users/ada', { token: adaToken }), {
    status: 403,
    body: { error: 'forbidden' },
  });
  await server.client.patch(USER, { name: 'ada' }, 'merge', { spec: { suspended: false } });
});

t.test('who is on GitHub and not here may register and nothing else', async t => {
  for (const path of ['/workspaces', '/nodes', '/nodes/n1'])
    t.match(
      await call('GET', path, { token: eveToken }),
      { status: 403, body: { message: /register/ } },
      path,
    );
});

t.test('wrong tokens are not asked about for ever', async t => {
  const before = github.calls.length;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => call('GET', '/nodes', { token: `gho_guess_${i}` })),
  );
  const last = await call('GET', '/nodes', { token: 'gho_guess_last' });
  t.match(last, { status: 429, body: { error: 'rate_limited', details: { retry_after_seconds: 3 } } });
  t.ok(answers.every(({ status }) => status === 401 || status === 429));
  t.ok(github.calls.length - before <= 40);
  t.equal((await call('GET', '/nodes')).status, 200, "Nexus' own tokens are not slowed down");
});

t.test('nodes are declared, changed and forgotten', async t => {
  t.match(
    await call('POST', '/nodes', { body: { name: 'n2', labels: { zone: 'eu' }, address: 'n2.example.com' } }),
    {
      status: 201,
      body: {
        id: 'n2',
        status: 'unknown',
        labels: { zone: 'eu' },
        address: 'n2.example.com',
        last_seen: null,
      },
    },
  );
  t.match(await call('POST', '/nodes', { body: { name: 'n2' } }), {
    status: 409,
    body: { error: 'node_exists' },
  });
  t.match(await call('PUT', '/nodes/n2', { body: { labels: { zone: 'us' } } }), {
    status: 200,
    body: { labels: { zone: 'us' }, address: 'n2.example.com' },
  });
  t.match(await call('PUT', '/nodes/n2', { body: { labels: { '-bad': 'x' } } }), { status: 400 });
  t.match((await call('GET', '/nodes')).body, {
    total: 2,
    nodes: [{ id: 'n1', capabilities: ['memory'] }, { id: 'n2' }],
  });
  t.match((await call('GET', '/nodes/n1/status')).body, {
    status: 'ready',
    capacity: { cpu: /./ },
    workspaces: 0,
  });
  t.match(await call('DELETE', '/nodes/n2'), { status: 204 });
  t.match(await call('GET', '/nodes/n2'), { status: 404, body: { error: 'node_not_found' } });
});
