import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import t from 'tap';
import { stringify } from 'yaml';
import { connect } from '../../../controller/client/connect.ts';
import {
  type Kubeconfig,
  kubeconfigPath,
  parseKubeconfig,
  readKubeconfig,
  resolveConnection,
} from '../../../controller/client/kubeconfig.ts';
import { updateKubeconfig, writeKubeconfig } from '../../../controller/client/write-kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const failure = (code: string) => ({ name: 'KubeconfigError', code });

const config: Kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'one',
  clusters: [
    { name: 'c1', cluster: { server: 'https://one:1', 'certificate-authority-data': base64('CA') } },
    {
      name: 'c2',
      cluster: { server: 'https://two:2', 'insecure-skip-tls-verify': true, 'tls-server-name': 'x' },
    },
    { name: 'none', cluster: {} },
    { name: 'proxied', cluster: { server: 'https://p', 'proxy-url': 'http://proxy' } },
  ],
  users: [
    { name: 'u1', user: { token: 'T', tokenFile: '/elsewhere' } },
    { name: 'u2', user: { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') } },
    { name: 'half', user: { 'client-certificate-data': base64('CERT') } },
    { name: 'program', user: { exec: { command: 'x' } } },
    { name: 'file', user: { tokenFile: 'token' } },
  ],
  contexts: [
    { name: 'one', context: { cluster: 'c1', user: 'u1', namespace: 'team' } },
    { name: 'two', context: { cluster: 'c2', user: 'u2' } },
    { name: 'anonymous', context: { cluster: 'c2' } },
    { name: 'nobody', context: { cluster: 'c1', user: 'missing' } },
    { name: 'nowhere', context: { cluster: 'none', user: 'u1' } },
    { name: 'half', context: { cluster: 'c1', user: 'half' } },
    { name: 'proxied', context: { cluster: 'proxied', user: 'u1' } },
    { name: 'program', context: { cluster: 'c1', user: 'program' } },
    { name: 'file', context: { cluster: 'c1', user: 'file' } },
  ],
};

t.test('a server is reached by its own context, or by the one that is named', async t => {
  const at = (server: string, more: object = {}) =>
    resolveConnection(config, { file: 'f', server, ...more }).then(({ context, server }) => ({
      context,
      server,
    }));
  t.same(await at('https://one:1'), { context: 'one', server: 'https://one:1' });
  t.same(await at('https://two:2'), { context: 'two', server: 'https://two:2' });
  const current = { ...config, 'current-context': 'anonymous' };
  t.match(await resolveConnection(current, { file: 'f', server: 'https://two:2' }), { context: 'anonymous' });
  t.same(await at('https://tunnel:9', { context: 'one' }), { context: 'one', server: 'https://tunnel:9' });
  await t.rejects(at('https://three:3'), {
    ...failure('NoContext'),
    message: /nexus login https:\/\/three:3/,
  });
  const options = { file: join(t.testdir(), 'none'), server: 'https://three:3' };
  await t.rejects(connect(options), failure('NoFile'));
  const { client, connection } = await connect({ ...options, token: 'T' });
  await client.close();
  t.same(connection, {
    context: 'https://three:3',
    server: 'https://three:3',
    insecure: false,
    exec: false,
    token: 'T',
  });
});

t.test(
  'a flag comes before NEXUS_KUBECONFIG, that before the home; a plain KUBECONFIG never counts',
  async t => {
    const env = { NEXUS_KUBECONFIG: '/env', KUBECONFIG: '/other' };
    t.equal(kubeconfigPath({ flag: '/flag', env, home: '/home' }), '/flag');
    t.equal(kubeconfigPath({ env, home: '/home' }), '/env');
    t.equal(kubeconfigPath({ env: { KUBECONFIG: '/other' }, home: '/home' }), '/home/kubeconfig');
  },
);

t.test('a context says where and as whom', async t => {
  const file = '/some/kubeconfig';
  t.same(await resolveConnection(config, { file }), {
    context: 'one',
    server: 'https://one:1',
    namespace: 'team',
    insecure: false,
    exec: false,
    ca: 'CA',
    token: 'T',
  });
  t.match(await resolveConnection(config, { file, context: 'two' }), {
    server: 'https://two:2',
    namespace: undefined,
    insecure: true,
    serverName: 'x',
    clientCert: { cert: 'CERT', key: 'KEY' },
  });
  t.match(await resolveConnection(config, { file, context: 'anonymous' }), { server: 'https://two:2' });
  t.match(await resolveConnection(config, { file, context: 'program' }), { exec: true });
  t.match(await resolveConnection(config, { file, context: 'file' }), { tokenFile: '/some/token' });
});

t.test('what a context lacks is said with its name', async t => {
  const file = '/some/kubeconfig';
  for (const [context, code] of [
    ['missing', 'NoContext'],
    ['nobody', 'Invalid'],
    ['nowhere', 'Invalid'],
    ['half', 'Invalid'],
    ['proxied', 'Unsupported'],
  ] as const)
    await t.rejects(resolveConnection(config, { file, context }), failure(code), context);
  await t.rejects(resolveConnection({}, { file }), failure('NoContext'));
});

t.test('files that a kubeconfig names are found beside it', async t => {
  const dir = t.testdir({ 'ca.pem': 'CA', 'cert.pem': 'CERT', 'key.pem': 'KEY' });
  const file = join(dir, 'kubeconfig');
  const named: Kubeconfig = {
    'current-context': 'x',
    clusters: [{ name: 'x', cluster: { server: 'https://x', 'certificate-authority': 'ca.pem' } }],
    users: [{ name: 'x', user: { 'client-certificate': 'cert.pem', 'client-key': join(dir, 'key.pem') } }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  };
  t.match(await resolveConnection(named, { file }), { ca: 'CA', clientCert: { cert: 'CERT', key: 'KEY' } });
  await t.rejects(resolveConnection(named, { file: '/elsewhere/kubeconfig' }), failure('Invalid'));
});

t.test('a file that is not there, not YAML or no kubeconfig is told apart', async t => {
  const dir = t.testdir({
    yaml: 'a: [',
    list: '- a\n',
    other: 'kind: Pod\n',
    odd: 'clusters: {}\n',
    empty: '',
  });
  await t.rejects(readKubeconfig(join(dir, 'none')), failure('NoFile'));
  await t.rejects(readKubeconfig(dir), failure('Invalid'));
  for (const name of ['yaml', 'list', 'other', 'odd'])
    await t.rejects(readKubeconfig(join(dir, name)), failure('Invalid'), name);
  t.same(await readKubeconfig(join(dir, 'empty')), {});
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => {
    const [next, last] = [String.fromCharCode(98 + i), String.fromCharCode(97 + i)];
    return `${next}: &${next} [${Array(9).fill(`*${last}`).join(',')}]\n`;
  }).join('')}`;
  await t.rejects(parseKubeconfig(bomb, 'bomb'), failure('Invalid'));
});

t.test('a server’s entry is added, replaced and made current without harm to the others', async t => {
  const dir = t.testdir({});
  const file = join(dir, 'deep', 'kubeconfig');
  const entry = (server: string, token: string) => ({ name: 'nexus', cluster: { server }, user: { token } });
  await writeKubeconfig(file, entry('https://a', 't1'));
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.equal((await stat(join(dir, 'deep'))).mode & 0o777, 0o700);
  t.match(await readKubeconfig(file), { apiVersion: 'v1', kind: 'Config', 'current-context': 'nexus' });
  await writeKubeconfig(file, { ...entry('https://b', 't2'), name: 'other', namespace: 'team' });
  t.equal((await readKubeconfig(file))['current-context'], 'nexus');
  await writeKubeconfig(file, { ...entry('https://c', 't3'), current: true });
  const after = await readKubeconfig(file);
  t.same(
    after.clusters?.map(c => `${c.name} ${c.cluster.server}`),
    ['nexus https://c', 'other https://b'],
  );
  t.match(await resolveConnection(after, { file, context: 'other' }), { namespace: 'team', token: 't2' });
  t.same(await readdir(join(dir, 'deep')), ['kubeconfig'], 'nothing is left beside it');
});

t.test('what we do not know in a file is kept', async t => {
  const dir = t.testdir({
    kubeconfig: stringify({ ...config, preferences: { colors: true }, extensions: [1] }),
  });
  const file = join(dir, 'kubeconfig');
  await updateKubeconfig(file, c => ({ ...c, 'current-context': 'two' }));
  const after = await readKubeconfig(file);
  t.match(after, { preferences: { colors: true }, extensions: [1], 'current-context': 'two' });
  t.same(after.users, config.users);
});

t.test('a file that cannot be read is never replaced', async t => {
  const dir = t.testdir({ kubeconfig: 'a: [' });
  const file = join(dir, 'kubeconfig');
  await t.rejects(writeKubeconfig(file, { name: 'x', cluster: {}, user: {} }), failure('Invalid'));
  t.equal(await readFile(file, 'utf8'), 'a: [');
});

t.test('behind a symbolic link it is the target that is written', async t => {
  const dir = t.testdir({ real: stringify(config) });
  const link = join(dir, 'kubeconfig');
  await symlink(join(dir, 'real'), link);
  await writeKubeconfig(link, { name: 'x', cluster: { server: 'https://x' }, user: {} });
  t.match(await readFile(join(dir, 'real'), 'utf8'), /https:\/\/x/);
  t.equal((await stat(join(dir, 'real'))).mode & 0o777, 0o600);
});

t.test('a failed write leaves nothing behind', async t => {
  const dir = t.testdir({});
  await mkdir(join(dir, 'kubeconfig.d'));
  await writeFile(join(dir, 'kubeconfig.d', 'x'), '');
  const file = join(dir, 'kubeconfig.d');
  await t.rejects(
    updateKubeconfig(file, c => c),
    failure('Invalid'),
  );
  t.same(await readdir(dir), ['kubeconfig.d']);
});

t.test('other clients read what we write', async t => {
  const file = join(t.testdir({}), 'kubeconfig');
  const cluster = { server: 'https://127.0.0.1:3001', 'certificate-authority-data': base64('CA') };
  await writeKubeconfig(file, { name: 'nexus', cluster, user: { token: 'T' }, namespace: 'team' });
  const other = new KubeConfig();
  other.loadFromFile(file);
  t.equal(other.getCurrentContext(), 'nexus');
  t.match(other.getCurrentCluster(), {
    server: cluster.server,
    caData: cluster['certificate-authority-data'],
  });
  t.match(other.getCurrentUser(), { token: 'T' });
});
