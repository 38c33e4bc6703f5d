import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../cli/errors.ts';
import { SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { fakeGitHub } from '../../support/github/fake-github.ts';
import { localServer } from '../../support/local-server.ts';

t.setTimeout(300_000);

const github = await fakeGitHub();
t.teardown(() => github.close());
const server = await localServer();
t.teardown(() => server.close());

const CONFIG = { '.nexus/config.yaml': 'services: {web: {command: make, port: 3000}}\n' };
const token = github.token('ada');
await github.addRepository('ada/mine', { files: CONFIG });
await github.addRepository('acme/secret', { private: true, writers: ['ada'], files: CONFIG });
await github.addRepository('acme/shop', { files: CONFIG });
await github.addRepository('acme/closed', { forkable: false, files: CONFIG });

const author = {
  name: 'ada',
  email: `${github.world.accounts.get('ada')?.id}+ada@users.noreply.github.com`,
};
const env = (given: string | undefined) => ({
  ...github.env,
  PATH: process.env.PATH,
  HOME: server.home,
  GH_CONFIG_DIR: join(server.home, 'gh'),
  GIT_CONFIG_NOSYSTEM: '1',
  ...(given !== undefined && { GITHUB_TOKEN: given }),
});
const create = (args: string[], as: string | undefined = token, cwd?: string) =>
  server.cli(['workspace', 'create', '--no-wait', ...args], { env: env(as), ...(cwd && { cwd }) });
/** A PATH with this script as gh, or without one. */
const pathWithGh = (script: string | undefined) => {
  const folder = mkdtempSync(join(server.home, 'bin-'));
  if (script) writeFileSync(join(folder, 'gh'), script, { mode: 0o755 });
  for (const name of ['git', 'sh', 'cat'])
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${name}`])
        .toString()
        .trim(),
      join(folder, name),
    );
  return folder;
};
const get = (name: string): Promise<Workspace> =>
  server.client.get(WORKSPACE, { name, namespace: 'default' });
const secretOf = (name: string) => server.client.get(SECRET, { name, namespace: 'default' });
const password = async (name: string) =>
  Buffer.from((await secretOf(name)).data?.password ?? '', 'base64').toString();

t.test('a private repository: its login is a Secret that goes with the workspace', async t => {
  const result = await create(['acme/secret']);
  t.match(result, { code: 0, stdout: 'workspace.nexus.dev/secret created\n' }, result.stderr);
  t.match(result.stderr, /acme\/secret: private, yours to write/);
  const workspace = await get('secret');
  t.match(workspace.spec.repo, {
    url: 'https://github.com/acme/secret.git',
    credentialsSecretRef: { name: 'secret-git' },
  });
  t.match(await secretOf('secret-git'), {
    type: 'kubernetes.io/basic-auth',
    metadata: { ownerReferences: [{ kind: 'Workspace', name: 'secret', uid: workspace.metadata.uid }] },
  });
  t.equal(await password('secret-git'), token);
  t.notMatch(`${result.stdout}${result.stderr}${JSON.stringify(workspace)}`, token);
});

t.test('the same once more renews the login and changes nothing else', async t => {
  const before = await get('secret');
  const newer = github.token('ada');
  t.match(await create(['acme/secret'], newer), { code: 0, stdout: /unchanged/ });
  t.equal(await password('secret-git'), newer);
  t.equal((await get('secret')).metadata.generation, before.metadata.generation);
  const { uid, resourceVersion } = (await secretOf('secret-git')).metadata;
  t.match(await create(['acme/secret'], newer), { code: 0 });
  t.match((await secretOf('secret-git')).metadata, { uid, resourceVersion }, 'written when it differs');
});

t.test('a start renews it too, and one that cannot be renewed keeps no workspace from starting', async t => {
  const start = (as: string) => server.cli(['start', 'secret', '--no-wait'], { env: env(as) });
  const newest = github.token('ada');
  t.match(await start(newest), { code: 0, stderr: '' });
  t.equal(await password('secret-git'), newest);
  const folder = t.testdir({ gh: '#!/bin/sh\necho gh version 1.0.0\n' });
  chmodSync(join(folder, 'gh'), 0o755);
  const old = { ...env(newest), PATH: `${folder}:${process.env.PATH}` };
  t.match(await server.cli(['start', 'secret', '--no-wait'], { env: old }), {
    code: 0,
    stderr: /^note: the login of secret .* was not renewed: gh 1\.0\.0 is too old/,
  });
});

t.test('one that may not be written is forked, once', async t => {
  const rehearsed = await create(['acme/shop', '--dry-run', '-o', 'yaml']);
  t.match(rehearsed.stderr, /acme\/shop would be forked/);
  t.notOk(github.world.repositories.has('ada/shop'));
  const result = await create(['acme/shop', '--clone', 'here'], token, t.testdir());
  t.match(result, { code: 0, stderr: /forked to ada\/shop/ }, result.stderr);
  const repo = {
    url: 'https://github.com/ada/shop.git',
    upstream: 'https://github.com/acme/shop.git',
    author,
    credentialsSecretRef: { name: 'shop-git' },
  };
  t.strictSame((await get('shop')).spec.repo, repo);
  t.match(parse(rehearsed.stdout), { spec: { repo } }, 'as the rehearsal said');
  const here = (...args: string[]) =>
    execFileSync('git', ['-C', join(t.testdirName, 'here'), ...args], { encoding: 'utf8' }).trim();
  t.equal(here('remote', 'get-url', 'origin'), repo.url);
  t.equal(here('remote', 'get-url', 'upstream'), repo.upstream);
  t.notMatch(execFileSync('grep', ['-rc', '', join(t.testdirName, 'here/.git/config')]).toString(), token);
  const again = await create(['acme/shop', '--clone', 'here'], token, t.testdirName);
  t.match(again, { code: 0, stdout: /unchanged/, stderr: /here is a clone of it already/ });
  t.match(await create(['acme/shop', '--name', 'second']), { code: 0 }, 'a fork that is there is success');
  t.equal([...github.world.repositories.keys()].filter(name => name.startsWith('ada/shop')).length, 1);
});

t.test('a fork whose name differs from that of what it was forked from is found again', async t => {
  await github.addRepository('acme/tool', { files: CONFIG });
  await github.addRepository('ada/tool', { files: CONFIG });
  const url = 'https://github.com/ada/tool-1.git';
  t.match(await create(['acme/tool']), { code: 0, stderr: /forked to ada\/tool-1/ });
  t.match((await get('tool')).spec.repo, { url, upstream: 'https://github.com/acme/tool.git' });
  const without = { ...env(token), PATH: pathWithGh(undefined) };
  for (const given of [env(token), without]) {
    const again = await server.cli(['workspace', 'create', '--no-wait', 'acme/tool'], { env: given });
    t.match(again, { code: 0, stdout: /unchanged/, stderr: /github\.com\/ada\/tool-1\.git at main: / });
  }
});

t.test('another git identity, the same workspace: unchanged, and told', async t => {
  const before = await get('tool');
  t.match(before.spec.repo?.author, author);
  const config = {
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'user.name',
    GIT_CONFIG_VALUE_0: 'Ada L',
    GIT_CONFIG_KEY_1: 'user.email',
    GIT_CONFIG_VALUE_1: 'ada@example.com',
  };
  const again = await server.cli(['workspace', 'create', '--no-wait', 'acme/tool'], {
    env: { ...env(token), ...config },
  });
  t.match(again, {
    code: 0,
    stdout: /unchanged/,
    stderr: /commits stay by ada <.*; by Ada L <ada@example\.com>: nexus exec tool -- git config user\.email/,
  });
  t.equal((await get('tool')).metadata.resourceVersion, before.metadata.resourceVersion);
  t.match(
    await create(['acme/tool', '--image', 'other']),
    { code: EXIT.conflict },
    'what was asked for counts',
  );
});

t.test('--follow-config gives the mandate to carry out later changes of the file', async t => {
  const result = await create([
    'ada/mine',
    '--name',
    'following',
    '--follow-config',
    '--dry-run',
    '-o',
    'yaml',
  ]);
  t.equal(parse(result.stdout).spec.repo.followConfig, true, result.stderr);
  t.match(await create(['ada/mine', '--follow-config', '--from', 'file']), { code: EXIT.usage });
});

t.test('a branch that the fork has not got is told, with the way to get it', async t => {
  await github.commit('acme/shop', 'late', CONFIG);
  t.match(await create(['acme/shop', '--branch', 'late', '--name', 'late']), {
    code: EXIT.notFound,
    stderr: /next: it is your fork; bring it there: gh repo sync ada\/shop --branch late/,
  });
});

t.test('what may be read alone is cloned as it is when one asks for that', async t => {
  const result = await create(['acme/closed', '--no-fork']);
  t.match(result, { code: 0, stderr: /acme\/closed is cloned and cannot be pushed to/ });
  t.strictSame((await get('closed')).spec.repo, { url: 'https://github.com/acme/closed.git', author });
});

t.test('of the repository one stands in, by ssh or not', async t => {
  const cwd = t.testdir();
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['remote', 'add', 'origin', 'git@github.com:ada/mine.git'],
  ])
    execFileSync('git', ['-C', cwd, ...args]);
  const result = await create(['.', '--dry-run', '-o', 'yaml'], token, cwd);
  t.match(
    parse(result.stdout),
    { spec: { repo: { url: 'https://github.com/ada/mine.git' } } },
    result.stderr,
  );
});

t.test('nobody is logged in: public ones work, private ones say what to type', async t => {
  t.match(await create(['acme/shop', '--name', 'anonymous'], ''), { code: 0 });
  t.strictSame((await get('anonymous')).spec.repo, { url: 'https://github.com/acme/shop.git' });
  t.match(await create(['acme/secret'], ''), { code: EXIT.noAccess, stderr: /^next: nexus auth github$/m });
  t.match(await create(['git@github.com:acme/shop.git'], ''), {
    code: EXIT.usage,
    stderr: /next: nexus auth github, and it is cloned by HTTPS/,
  });
});

t.test('gh: absent or too old', async t => {
  const as = (text?: string) => ({ env: { ...env(undefined), PATH: pathWithGh(text) } });
  const without = await server.cli(['workspace', 'create', 'acme/secret', '--dry-run'], as());
  t.match(without, { code: EXIT.noAccess, stderr: /^next: nexus auth github$/m });
  const withToken = await server.cli(['workspace', 'create', 'acme/secret', '--dry-run', '--name', 'gh'], {
    env: { ...env(token), PATH: pathWithGh(undefined) },
  });
  t.match(withToken, { code: 0, stderr: /acme\/secret: private, yours to write/ }, 'the token does');
  const old = await server.cli(
    ['workspace', 'create', 'acme/secret', '--dry-run'],
    as('#!/bin/sh\necho gh version 1.0.0\n'),
  );
  t.match(old, { code: EXIT.failed, stderr: /gh 1\.0\.0 is too old.*\nnext: .*apt-get install gh/ });
});

t.test("an Enterprise server's repository is its own", async t => {
  const host = 'github.example.com';
  const result = await server.cli(
    ['workspace', 'create', '--no-wait', 'acme/secret', '--name', 'enterprise'],
    {
      env: { ...env(undefined), GH_HOST: host, GH_ENTERPRISE_TOKEN: token },
    },
  );
  t.match(result, { code: 0 }, result.stderr);
  t.equal((await get('enterprise')).spec.repo?.url, `https://${host}/acme/secret.git`);
  t.match((await secretOf('enterprise-git')).metadata.annotations, {
    'nexus.dev/git-origin': `https://${host}`,
  });
});

t.test('what goes wrong is an exit code, a sentence and a next step; the second try works', async t => {
  const cwd = t.testdir({ full: { file: '' } });
  const noRepo = github.token('ada', ['gist']);
  const publicOnly = github.token('ada', ['read:org']);
  const other = github.token('eve');
  await github.addRepository('acme/new', { files: CONFIG });
  type Row = { why: string; args: string[]; as?: string; code: number; says: RegExp; next: RegExp };
  const rows: Row[] = [
    {
      why: 'absent',
      args: ['acme/none'],
      code: EXIT.notFound,
      says: /no acme\/none on github\.com that ada may see/,
      next: /spelling/,
    },
    {
      why: 'private, no access',
      args: ['acme/secret', '--name', 'x'],
      as: other,
      code: EXIT.notFound,
      says: /that eve may see/,
      next: /ask acme/,
    },
    {
      why: 'private, no scope',
      args: ['acme/secret', '--name', 'x'],
      as: noRepo,
      code: EXIT.notFound,
      says: /lacks the scope repo/,
      next: /scope repo/,
    },
    {
      why: 'fork forbidden',
      args: ['acme/closed', '--name', 'x'],
      code: EXIT.noAccess,
      says: /ada may neither push to acme\/closed nor fork it: .*disabled/,
      next: /--no-fork/,
    },
    {
      why: 'fork without scope',
      args: ['acme/new'],
      as: publicOnly,
      code: EXIT.noAccess,
      says: /lacks the scope public_repo/,
      next: /public_repo/,
    },
    {
      why: 'token revoked',
      args: ['acme/new'],
      as: 'ghp_gone',
      code: EXIT.noAccess,
      says: /revoked or has expired/,
      next: /GITHUB_TOKEN/,
    },
    {
      why: 'folder in use',
      args: ['ada/mine', '--clone', 'full', '--name', 'x'],
      code: EXIT.conflict,
      says: /full is there and holds something else/,
      next: /new folder/,
    },
    {
      why: 'name taken',
      args: ['ada/mine', '--name', 'shop'],
      code: EXIT.conflict,
      says: /workspace shop already, of https:\/\/github\.com\/ada\/shop\.git/,
      next: /--name/,
    },
    {
      why: 'no such field',
      args: ['acme/new', '--set', 'services.web.port=70000'],
      code: EXIT.failed,
      says: /services/,
      next: /^$/,
    },
  ];
  const before = (await server.client.list(WORKSPACE)).items.length;
  for (const { why, args, as = token, code, says, next } of rows) {
    const result = await create(args, as, cwd);
    t.match(result, { code, stdout: '', stderr: says }, why);
    t.match(/^next: (.*)$/m.exec(result.stderr)?.[1] ?? '', next, why);
  }
  t.equal((await server.client.list(WORKSPACE)).items.length, before);
  t.notOk(github.world.repositories.has('ada/new'), 'nothing was forked on the way');
  for (const fault of [
    { fault: { how: 'network' }, code: EXIT.unreachable, says: /reach/ },
    { fault: { how: 'rate-limit' }, code: EXIT.failed, says: /rate limit/ },
  ] as const) {
    github.setFault(fault.fault);
    const result = await create(['acme/new']);
    t.match(result, { code: fault.code, stdout: '', stderr: fault.says }, fault.fault.how);
    t.match(result.stderr, /^next: /m);
  }
  github.setFault(undefined);
  t.match(await create(['acme/new']), { code: 0, stdout: /created/ });
});

t.test('the network is lost at each step: the same once more goes on from there', async t => {
  const codes: number[] = [];
  const fresh = async (name: string) => {
    await github.addRepository(`acme/${name}`, { files: CONFIG });
    return name;
  };
  let name = await fresh('lost-0');
  for (let from = 1; ; from++) {
    const before = github.calls.length;
    github.setFault({ how: 'network', from });
    const { code, stderr } = await create([`acme/${name}`]);
    github.setFault(undefined);
    codes.push(code);
    if (code === 0) break;
    t.match(stderr, /^error: .*\n(.*\n)*next: /m, `cut at request ${from}`);
    t.ok(github.calls.length - before >= from, `after the last cut it came to request ${from}`);
    if (from > 30) return t.fail('it never gets through');
    // Up to the fork nothing is left behind, and the next time is the same once more.
    if (!github.world.repositories.has(`ada/${name}`)) continue;
    t.match(
      await create([`acme/${name}`]),
      { code: 0, stderr: /ada\/lost/ },
      `after a cut at request ${from}`,
    );
    name = await fresh(`lost-${from}`);
  }
  t.ok(codes.length > 5, `cut at ${codes.length - 1} requests`);
  t.ok(github.world.repositories.has('ada/lost-0'), 'also after the fork');
  t.strictSame([...new Set(codes)], [EXIT.unreachable, 0]);
});

t.test('a Secret of somebody else is not taken over', async t => {
  await server.client.create(SECRET, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'guarded-git', namespace: 'default' },
  });
  t.match(await create(['ada/mine', '--name', 'guarded']), {
    code: EXIT.conflict,
    stderr: /Secret guarded-git already.*\nnext: --credentials-secret guarded-git/,
  });
  await t.rejects(get('guarded'));
  t.match(await create(['ada/mine', '--name', 'guarded', '--credentials-secret', 'guarded-git']), {
    code: 0,
  });
});

t.test('nothing that is kept here holds the token', async t => {
  mkdirSync(join(server.home, 'gh'), { recursive: true });
  const found = execFileSync(
    'sh',
    ['-c', `grep -rlF -e "$1" "$2" --exclude-dir=server || true`, 'sh', token, server.home],
    { encoding: 'utf8' },
  );
  t.equal(found, '');
  t.ok(readdirSync(server.home).length > 0);
});
