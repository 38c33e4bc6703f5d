import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../cli/errors.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { publish, startGitServer } from '../../support/git-server.ts';
import { localServer } from '../../support/local-server.ts';
import { cli } from '../../support/run-cli.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);
t.setTimeout(300_000);

const root = mkdtempSync(join(tmpdir(), 'nexus-create-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
// Of this process alone, so that what is left there was left by it.
const temporary = join(root, 'tmp');
mkdirSync(temporary);
process.env.TMPDIR = temporary;
const git = await startGitServer(t, root);
const at = (name: string) => `http://127.0.0.1:${git.port}/${name}.git`;
const server = await localServer();
t.teardown(() => server.close());

const CONFIG =
  'services:\n  web: {command: npm run dev, port: 3000}\nproviders: {docker: {image: node:22}}\n';
const shop = await publish(root, 'shop', { '.nexus/config.yaml': CONFIG, README: 'x' });
const get = (name: string): Promise<Workspace> =>
  server.client.get(WORKSPACE, { name, namespace: 'default' });
const create = (...args: string[]) => server.cli(['workspace', 'create', '--provider', 'docker', ...args]);
/** Made without a node of that driver, so nothing is waited for. */
const declare = (...args: string[]) => create('--no-wait', ...args);
const dryRun = async (...args: string[]): Promise<Workspace> =>
  parse((await cli(['workspace', 'create', '--dry-run', '-o', 'yaml', ...args])).stdout) as Workspace;

t.test('a workspace is as the configuration at the ref says, and flags say more', async t => {
  t.match(await declare(at('shop')), { code: 0, stdout: 'workspace.nexus.dev/shop created\n' });
  t.match(await get('shop'), {
    spec: {
      repo: { url: at('shop') },
      image: 'node:22',
      services: [{ name: 'web', command: 'npm run dev', port: 3000 }],
    },
  });
  await publish(root, 'shop', { '.nexus/config.yaml': 'services: {api: {command: ./api}}' }, 'next');
  const result = await declare(
    ...[at('shop'), '--name', 'other', '--branch', 'next', '--image', 'debian:12', '--cpu', '0.5'],
    ...['--memory', '2GB', '--env', 'A=1', '--env', 'B=x=y', '--set', 'services.api.port=4000'],
    ...['--set', 'lifecycle.preStart=make', '--set', 'nodeSelector.zone=eu', '--set', 'resources.disk=5Gi'],
  );
  t.match(result, { code: 0, stdout: /other created/ }, result.stderr);
  const { spec } = await get('other');
  t.match(spec, {
    repo: { url: at('shop'), ref: 'next' },
    image: 'debian:12',
    resources: { cpu: '500m', memory: '2G', disk: '5Gi' },
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: 'x=y' },
    ],
    services: [{ name: 'api', command: './api', port: 4000 }],
    lifecycle: { preStart: 'make' },
    nodeSelector: { zone: 'eu' },
  });
});

t.test('the same once more is success; anything else of that name is refused and left alone', async t => {
  const before = await get('shop');
  t.match(await declare(at('shop')), { code: 0, stdout: 'workspace.nexus.dev/shop unchanged\n' });
  const { code, stderr } = await declare(at('shop'), '--image', 'debian:12');
  t.equal(code, EXIT.conflict);
  t.match(stderr, /there is a workspace shop of that repository already, and it is not as asked/);
  t.match(stderr, /^next: .*--name NAME.*nexus edit ws shop/m);
  await publish(root, 'b/shop', { README: 'x' });
  t.match(await declare(at('b/shop')), {
    code: EXIT.conflict,
    stderr: /there is a workspace shop already, of http.*\/shop\.git/,
  });
  await server.cli(['stop', 'shop', '--no-wait']);
  t.match(await declare(at('shop')), { code: 0 }, 'what others set is not asked about');
  await server.cli(['start', 'shop', '--no-wait']);
  t.strictSame((await get('shop')).spec, before.spec);
});

t.test('a dry run needs no server and prints what apply takes', async t => {
  const printed = await cli([
    'workspace',
    'create',
    '--dry-run',
    '-o',
    'yaml',
    at('shop'),
    '--name',
    'gitops',
  ]);
  t.match(printed, { code: 0, stderr: /no server is known/ });
  t.notMatch(printed.stdout, /namespace|status/);
  t.match(await server.apply(printed.stdout), { code: 0, stdout: /gitops created/ });
  const asked = await server.cli(['workspace', 'create', '--dry-run', at('shop'), '--name', 'rehearsed']);
  t.match(asked, { code: 0, stdout: 'workspace.nexus.dev/rehearsed created (dry run)\n' });
  await t.rejects(get('rehearsed'), { message: /not found/ });
});

t.test('of the repository one stands in: its remote, its branch, and what is not pushed is told', async t => {
  const cwd = join(root, 'checkout');
  await run('git', ['clone', '-q', at('shop'), cwd]);
  await run('git', ['-C', cwd, 'checkout', '-q', 'next']);
  writeFileSync(join(cwd, '.nexus/config.yaml'), 'services: {}');
  const here = await cli(['workspace', 'create', '.', '--dry-run', '-o', 'yaml'], {
    cwd: join(cwd, '.nexus'),
  });
  t.match(parse(here.stdout), {
    metadata: { name: 'shop' },
    spec: { repo: { url: at('shop'), ref: 'next' }, services: [{ name: 'api' }] },
  });
  t.match(here.stderr, /changes in 1 files here are not pushed/);
  const from = await cli(
    ['workspace', 'create', '.', '--dry-run', '-o', 'yaml', '--from', '.nexus/config.yaml'],
    { cwd },
  );
  t.notOk((parse(from.stdout) as Workspace).spec.services);
  await run('git', ['-C', cwd, 'checkout', '-q', '-fb', 'mine']);
  t.match(await cli(['workspace', 'create', '.', '--dry-run'], { cwd }), {
    code: EXIT.notFound,
    stderr: /has no branch or tag "mine"\nnext: push it first, or take one of: main, next/,
  });
});

t.test('without a configuration it is what the files tell, said out loud', async t => {
  await publish(root, 'vite', {
    'package.json': '{"scripts": {"dev": "vite"}, "engines": {"node": ">=22"}}',
  });
  const result = await cli(['workspace', 'create', '--dry-run', '-o', 'yaml', at('vite')]);
  t.match(result.stderr, /there is no \.nexus\/config\.yaml.*\n {2}package\.json: a Node\.js project/);
  t.match(parse(result.stdout), {
    spec: { image: 'node:22', services: [{ name: 'web', command: 'npm run dev' }] },
  });
});

t.test('a file that is too large is not read, and named', async t => {
  await publish(root, 'large', { '.nexus/config.yaml': '#'.repeat(1024 * 1024 + 1) });
  const { code, stderr } = await declare(at('large'));
  t.equal(code, EXIT.failed);
  t.match(stderr, /error: \.nexus\/config\.yaml of \S+large\.git has 1\.0 MiB; .*\nnext: .*--from FILE/);
  t.same(
    readdirSync(temporary).filter(name => name.startsWith('nexus-repo-')),
    [],
  );
});

t.test('submodules and Git LFS are told of', async t => {
  await publish(root, 'big', { '.gitmodules': '', '.gitattributes': '*.bin filter=lfs diff=lfs\n' });
  const { stderr } = await cli(['workspace', 'create', '--dry-run', at('big')]);
  t.match(stderr, /it has submodules/);
  t.match(stderr, /it keeps files in Git LFS/);
});

t.test('an empty repository is a bare workspace', async t => {
  await publish(root, 'blank', {});
  const { spec } = await dryRun(at('blank'));
  t.strictSame(spec, { repo: { url: at('blank') } });
});

t.test('commits in the workspace are by whom they are here', async t => {
  const home = t.testdir({ '.gitconfig': '[user]\n\tname = Ann <Hara>\n\temail = ann@example.com\n' });
  const { stdout } = await cli(['workspace', 'create', '--dry-run', '-o', 'yaml', at('shop')], {
    env: { PATH: process.env.PATH, HOME: home },
  });
  t.match(parse(stdout), { spec: { repo: { author: { name: 'Ann Hara', email: 'ann@example.com' } } } });
});

t.test('a tag and a commit are refs too', async t => {
  await run('git', ['-C', join(root, 'shop.git'), 'tag', 'v1', shop]);
  await run('git', ['-C', join(root, 'shop.git'), 'config', 'uploadpack.allowAnySHA1InWant', 'true']);
  for (const ref of ['v1', shop])
    t.match((await dryRun(at('shop'), '-b', ref)).spec, { repo: { ref }, services: [{ name: 'web' }] }, ref);
});

t.test('what goes wrong is an exit code, a sentence and a next step, and leaves nothing behind', async t => {
  await publish(root, 'broken', { '.nexus/config.yaml': 'provider: qemu\nservices:\n  a: {prt: 1}\n' });
  const folder = t.testdir({ plain: {}, local: {} });
  await run('git', ['init', '-q', join(folder, 'local')]);
  const rows: { args: string[]; code: number; says: RegExp; next: RegExp; cwd?: string }[] = [
    { args: ['shop'], code: EXIT.usage, says: /who owns it/, next: /owner\/repo/ },
    { args: [''], code: EXIT.usage, says: /no repository/, next: /owner\/repo/ },
    { args: ['http://a:b@h/x'], code: EXIT.usage, says: /holds a password/, next: /--credentials-secret/ },
    { args: [at('absent')], code: EXIT.notFound, says: /there is no repository/, next: /owner and name/ },
    { args: [at('private/shop')], code: EXIT.noAccess, says: /without a login/, next: /git ls-remote/ },
    {
      args: ['http://127.0.0.1:1/x.git'],
      code: EXIT.unreachable,
      says: /cannot be reached/,
      next: /same again/,
    },
    {
      args: ['http://absent.invalid/x'],
      code: EXIT.unreachable,
      says: /absent\.invalid cannot/,
      next: /network/,
    },
    {
      args: [at('shop'), '-b', 'no'],
      code: EXIT.notFound,
      says: /no branch or tag "no"/,
      next: /main, next/,
    },
    { args: [at('blank'), '-b', 'no'], code: EXIT.notFound, says: /no branch/, next: /is empty/ },
    {
      args: [at('broken')],
      code: EXIT.failed,
      says: /config\.yaml:1:11: provider "qemu".*\n.*config\.yaml:3:3: command is missing\n(.*\n)+error: .*3 problems/,
      next: /--from FILE/,
    },
    { args: [at('shop'), '--from', 'no'], code: EXIT.notFound, says: /no such file/, next: /nexus init/ },
    {
      args: [at('shop'), '--name', 'My Shop'],
      code: EXIT.usage,
      says: /small letters/,
      next: /--name my-shop/,
    },
    { args: [at('shop'), '--cpu', 'two'], code: EXIT.usage, says: /no number of cores/, next: /500m/ },
    { args: [at('shop'), '--memory', '4'], code: EXIT.usage, says: /no size/, next: /4Gi/ },
    { args: [at('shop'), '--env', '1A=2'], code: EXIT.usage, says: /NAME=VALUE/, next: /--env/ },
    { args: [at('shop'), '--set', 'image'], code: EXIT.usage, says: /no value/, next: /--set/ },
    { args: [at('shop'), '--set', 'imag=x'], code: EXIT.usage, says: /no field "imag"/, next: /image/ },
    {
      args: [at('shop'), '--set', 'services.web.port=x'],
      code: EXIT.usage,
      says: /no whole number/,
      next: /^/,
    },
    { args: [at('shop'), '-o', 'table'], code: EXIT.usage, says: /-o takes/, next: /^/ },
    { args: ['.'], cwd: join(folder, 'plain'), code: EXIT.notFound, says: /in no Git/, next: /owner\/repo/ },
    { args: ['./no'], cwd: folder, code: EXIT.notFound, says: /no folder/, next: /owner\/repo/ },
    { args: ['.'], cwd: join(folder, 'local'), code: EXIT.failed, says: /no remote/, next: /git remote add/ },
  ];
  const before = (await server.client.list(WORKSPACE)).items.length;
  for (const { args, code, says, next, cwd = folder } of rows) {
    const env = { GIT_CEILING_DIRECTORIES: folder };
    const result = await server.cli(['workspace', 'create', ...args], { cwd, env });
    t.match(result, { code, stdout: '', stderr: says }, args.join(' '));
    const said = /^next: .*$/m.exec(result.stderr)?.[0] ?? '';
    t.match(said, next, args.join(' '));
  }
  t.equal((await server.client.list(WORKSPACE)).items.length, before);
  t.strictSame(
    readdirSync(temporary).filter(name => name.startsWith('nexus-repo-')),
    [],
  );
});

t.test('without git, without a server and without rights it says so', async t => {
  t.match(await cli(['workspace', 'create', at('shop')], { env: { PATH: '/nowhere' } }), {
    code: EXIT.failed,
    stderr: /git is not installed\nnext: .*apt-get install git/,
  });
  const home = t.testdir();
  t.match(await cli(['workspace', 'create', at('shop')], { env: { PATH: process.env.PATH, HOME: home } }), {
    code: EXIT.unreachable,
  });
  t.match(await declare(at('shop'), '--set', 'services.web.port=3000', '--set', 'ports.x.port=3000'), {
    code: EXIT.failed,
    stderr: /already declared by a service/,
  });
});

t.test('a server that is not there, not trusted or does not know one is told', async t => {
  type Config = {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const good = parse(readFileSync(server.kubeconfig, 'utf8')) as Config;
  // The way for this machine alone, which asks no certificate.
  delete good.clusters[0]?.cluster.extensions;
  const other = (await makeCertificates()).ca;
  const rows: { why: string; change: (config: Config) => void; code: number; says: RegExp }[] = [
    {
      why: 'unreachable',
      change: ({ clusters }) => Object.assign(clusters[0]!.cluster, { server: 'https://127.0.0.1:1' }),
      code: EXIT.unreachable,
      says: /next: is the server running\?/,
    },
    {
      why: 'certificate unknown',
      change: ({ clusters }) =>
        Object.assign(clusters[0]!.cluster, {
          'certificate-authority-data': Buffer.from(other).toString('base64'),
        }),
      code: EXIT.unreachable,
      says: /certificate/,
    },
    {
      why: 'token expired',
      change: ({ users }) => Object.assign(users[0]!.user, { token: 'nexus_expired' }),
      code: EXIT.noAccess,
      says: /next: /,
    },
  ];
  for (const { why, change, code, says } of rows) {
    const config = structuredClone(good);
    change(config);
    const file = join(t.testdir({ kubeconfig: JSON.stringify(config) }), 'kubeconfig');
    const args = ['--kubeconfig', file, 'workspace', 'create', at('shop'), '--name', 'nowhere', '--no-wait'];
    const result = await server.cli(args);
    t.match(result, { code, stdout: '', stderr: says }, why);
    t.match(result.stderr, /^next: /m, why);
  }
});

t.test('it waits, tells the steps, and Ctrl-C leaves one that converges anyway', async t => {
  const made = await server.cli([
    'workspace',
    'create',
    at('shop'),
    '--name',
    'ready',
    '--set',
    'driver=memory',
  ]);
  t.match(made, {
    code: 0,
    stderr: /ready: Ready True.*\n(.*\n)*ready is ready\n(.*\n)* {2}shell +nexus ssh ready/,
  });
  const abort = new AbortController();
  const left = await server.cli(['workspace', 'create', at('shop'), '--name', 'left'], {
    signal: abort.signal,
    onOutput: text => text.includes('created') && abort.abort('SIGINT'),
  });
  t.match(left, { code: 130, stderr: /nexus get ws left -w.*nexus delete ws left/ });
  t.ok(await get('left'));
  const early = new AbortController();
  let release = () => {};
  git.hold = new Promise(resolve => {
    release = resolve;
  });
  const asked = git.requests.length;
  const running = server.cli(['workspace', 'create', at('shop'), '--name', 'early'], {
    signal: early.signal,
  });
  await until(() => git.requests.length > asked, { timeoutMs: 20_000, what: () => 'git to ask' });
  early.abort('SIGINT');
  t.match(await running, { code: 130, stdout: '', stderr: /no workspace was made/ });
  git.hold = undefined;
  release();
});
