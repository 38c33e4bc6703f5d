import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { nameWorkspaces } from '../../../cli/ssh/config/aliases.ts';
import type { KnownHost, ServerHosts } from '../../../cli/ssh/config/hosts.ts';
import { ownHosts } from '../../../cli/ssh/config/own-hosts.ts';
import { includePattern } from '../../../cli/ssh/config/quote.ts';
import { fixedWay, renderConfig } from '../../../cli/ssh/config/render.ts';
import { metHosts } from '../../../cli/ssh/config/strange-hosts.ts';
import { parseGateway } from '../../../cli/ssh/gateway.ts';
import { configFile, contextSlug, controlPath } from '../../../cli/ssh/places.ts';
import { publishedHost } from '../../../cli/ssh/published.ts';
import type { Workspace } from '../../../crds/types.generated.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII2CvWNT9nxtHbjU02Tjds7TgG89C+6bA5aY6LuqxJFB';

const host = (name: string, more: Partial<KnownHost> = {}): KnownHost => ({
  ...{ name, namespace: 'default', host: '10.0.0.5', port: 2222, user: 'dev', hostKeys: [KEY] },
  ...more,
});

const server = (workspaces: KnownHost[], more: Partial<ServerHosts> = {}): ServerHosts => ({
  ...{ version: 1, context: 'nexus', server: 'https://n:3001', namespace: 'default' },
  ...{ prefix: '', suffix: '', via: 'auto', file: '/none', workspaces },
  ...more,
});

const GATEWAY = { host: 'gw.example.com', port: 3022, user: 'alice', hostKeys: [KEY] };

/** What the real ssh makes of a configuration for one host. */
function resolved(text: string, name: string, dir: string): Record<string, string> {
  const file = join(dir, 'as-is');
  writeFileSync(file, text);
  return sshG(file, name);
}

function sshG(file: string, name: string): Record<string, string> {
  const out = execFileSync('ssh', ['-F', file, '-G', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return Object.fromEntries(out.split('\n').map(line => [line.split(' ')[0], line.replace(/^\S+ /, '')]));
}

const render = (servers: ServerHosts[], home = '/h/.nexus', taken = new Set<string>()) =>
  renderConfig(servers, nameWorkspaces(servers, taken), { home, identities: [] });

const names = (servers: ServerHosts[], taken: string[] = []) =>
  nameWorkspaces(servers, new Set(taken)).map(({ aliases }) => aliases.join(' '));

t.test('a name that two would have is nobody’s', async t => {
  const other = host('shop', { namespace: 'team' });
  t.same(names([server([host('shop'), other])]), ['shop shop.default', 'shop.team']);
  const second = server([host('shop'), host('blog')], { context: 'work' });
  t.same(names([server([host('shop')]), second]), [
    'shop.default.nexus',
    'shop.default.work',
    'blog blog.default',
  ]);
  t.same(names([server([host('shop')])], ['shop']), ['shop.default']);
  t.same(names([server([host('shop')])], ['shop', 'shop.default']), ['shop.default.nexus']);
  t.same(names([server([host('shop')], { prefix: 'w-', suffix: '.ws' })], ['shop']), [
    'w-shop.ws w-shop.default.ws',
  ]);
  t.same(names([server([host('nexus-gateway-nexus')])]), ['nexus-gateway-nexus.default']);
});

t.test('nobody who names a workspace takes the name of a host that people reach', async t => {
  const github = host('github', { namespace: 'com' });
  t.same(names([server([github])]), ['github.com.nexus']);
  t.same(names([server([github], { namespace: 'com' })]), ['github'], 'whose namespace it is');
  t.same(names([server([github], { suffix: '.ws' })]), ['github.com.ws'], 'the suffix is the person’s');
  t.same(names([server([host('git', { namespace: 'de' })])]), ['git.de.nexus']);

  const home = t.testdir({
    '.ssh': { known_hosts: `# none\n@revoked Bastion,10.0.0.1 ${KEY}\n[shop.team]:2222 ${KEY}\n` },
  });
  const file = join(home, '.ssh', 'known_hosts');
  writeFileSync(join(home, 'hashed'), `shop.default ${KEY}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', join(home, 'hashed')], { stdio: 'ignore' });
  appendFileSync(file, readFileSync(join(home, 'hashed')));
  const met = metHosts(home);
  for (const name of ['bastion', '10.0.0.1', 'shop.default']) t.equal(met.has(name), true, name);
  for (const name of ['shop', 'none', '#', 'shop.team', '']) t.equal(met.has(name), false, name);
  t.equal(metHosts(join(home, 'nothing')).has('shop'), false);
});

t.test('which way is written down', async t => {
  const way = (more: Partial<ServerHosts>, workspace: Partial<KnownHost> = {}) =>
    fixedWay({ hosts: server([], more), workspace: host('shop', workspace) });
  t.equal(way({}), 'direct', 'there is no other');
  t.equal(way({ gateway: GATEWAY }), 'either');
  t.equal(way({ gateway: GATEWAY, via: 'direct' }), 'direct');
  t.equal(way({ gateway: GATEWAY, via: 'gateway' }), 'gateway');
  t.equal(way({ gateway: GATEWAY }, { host: '127.0.0.1', isHere: true }), 'direct');
  t.equal(way({ gateway: GATEWAY }, { host: '127.0.0.1', isHere: false }), 'gateway');
});

t.test('the real ssh reads it as meant, whatever NEXUS_HOME is called', async t => {
  // Short, since sockets are in it.
  const root = mkdtempSync(join(tmpdir(), 'n-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  for (const odd of ['plain', 'a b', 'a[b]*?c', 'b%b', "a'b", 'c"c', 'd\\d', 'ü$x', '#a', 'a~b', 'a\tb']) {
    const home = join(root, odd);
    const ours = configFile(home);
    mkdirSync(dirname(ours), { recursive: true });
    writeFileSync(ours, render([server([host('shop')], { gateway: GATEWAY, via: 'direct' })], home), {
      mode: 0o600,
    });
    const main = join(root, 'main');
    writeFileSync(main, `Include ${includePattern(ours)}\nHost shop\n  Port 1\n`);
    t.match(
      sshG(main, 'shop'),
      {
        ...{ hostname: '10.0.0.5', port: '2222', user: 'dev', hostkeyalias: 'shop.default' },
        userknownhostsfile: join(home, 'ssh', 'known_hosts.d', 'nexus', 'shop.default'),
        ...{
          stricthostkeychecking: 'true',
          controlmaster: 'auto',
          controlpath: controlPath(home, 'nexus', 'shop.default') ?? 'none',
        },
      },
      odd,
    );
    t.match(sshG(main, 'nexus-gateway-nexus'), { hostname: 'gw.example.com', port: '3022' });
  }
  t.throws(() => render([server([host('shop')])], `/home/$\{x}`), /cannot name/);
});

t.test('ssh itself takes the gateway when the published key is not seen at the node', async t => {
  const dir = t.testdir({});
  // Nothing answers on a port of loopback that nobody has: at once, and without a network.
  const away = host('shop', { host: '127.9.9.9', port: 1 });
  const servers = [server([away], { gateway: GATEWAY })];
  const text = renderConfig(servers, nameWorkspaces(servers, new Set()), {
    home: join(dir, 'h'),
    identities: [],
  }).replaceAll('127.9.9.9', '127.0.0.1');
  t.match(
    resolved(text, 'shop', dir),
    { hostname: '127.0.0.1', port: '1' },
    'of loopback no question is asked',
  );
  const asked = render(
    [server([host('shop', { host: 'localhost.localdomain', port: 1 })], { gateway: GATEWAY })],
    join(dir, 'h'),
  );
  t.match(asked, /^Host !\*\n\nMatch originalhost shop,shop\.default !exec "/m);
  for (const name of ['shop', 'shop.default'])
    t.match(resolved(asked, name, dir), {
      ...{ hostname: 'shop.default', port: '22', user: 'dev', hostkeyalias: 'shop.default' },
      proxyjump: 'nexus-gateway-nexus',
    });
  t.match(resolved(asked, 'other', dir), { hostname: 'other', port: '22' });
});

t.test('a NEXUS_HOME that is too long for a socket goes without shared connections', async t => {
  const home = `/${'x'.repeat(90)}`;
  t.equal(controlPath(home, 'nexus', 'shop.default'), undefined);
  const text = render([server([host('shop')])], home);
  t.notMatch(text, /Control/);
  t.match(resolved(text, 'shop', t.testdir({})), { controlmaster: 'false', hostname: '10.0.0.5' });
  const most = `/${'x'.repeat(65)}`;
  t.ok(Buffer.byteLength(controlPath(most, 'nexus', 'a.b') ?? '') + 18 <= 104, 'the least that systems take');
});

t.test('a server cannot write options into anybody’s ssh', async t => {
  const workspace = (ssh: object, name = 'shop'): Workspace =>
    ({ metadata: { name, namespace: 'default' }, spec: {}, status: { ssh } }) as unknown as Workspace;
  const good = { host: 'n', port: 2222, user: 'dev', hostKeys: [`${KEY} comment`] };
  t.match(publishedHost(workspace(good)), { host: 'n', hostKeys: [KEY] });
  t.equal(publishedHost(workspace({})), undefined);
  for (const bad of [
    { host: 'n\n  ProxyCommand evil' },
    { host: '-oProxyCommand=evil' },
    { host: '$(evil)' },
    { host: 'a b' },
    { user: 'dev\nHost *' },
    { user: '-l' },
    { port: '22 -o' },
    { port: 70_000 },
    { hostKeys: [`${KEY}\n@cert-authority * ${KEY}`] },
    { hostKeys: [`${KEY} x\nHost *`] },
    { hostKeys: ['ssh-ed25519 AAAA'] },
    { hostKeys: [KEY.replace('ssh-ed25519', '*')] },
  ])
    t.throws(() => publishedHost(workspace({ ...good, ...bad })), JSON.stringify(bad));
  t.throws(() => publishedHost(workspace(good, 'a\nHost *')));
  const text = render([
    server([host('shop')], { context: 'a\nHost *', server: 'https://x\n  ProxyCommand y' }),
  ]);
  t.notMatch(text, /^Host \*|^ *ProxyCommand/m);
});

t.test('a gateway is published as an address and keys', async t => {
  t.match(parseGateway({ address: 'gw:3022', hostKeys: `${KEY} a\n\n${KEY}\n` }), {
    ...{ host: 'gw', port: 3022 },
    hostKeys: [KEY, KEY],
  });
  t.match(parseGateway({ address: '[2001:db8::1]:22', hostKeys: KEY }), { host: '2001:db8::1', port: 22 });
  for (const address of ['', 'gw', 'gw:', ':3022', 'a b:22', 'gw:99999'])
    t.throws(() => parseGateway({ address, hostKeys: KEY }), address);
  t.throws(() => parseGateway({ address: 'gw:3022' }));
});

t.test('contexts of any name become parts of host names, each its own', async t => {
  t.equal(contextSlug('nexus'), 'nexus');
  const odd = ['admin@kube/x y', 'admin@kube x/y', 'Nexus', '..', 'ü', 'x'.repeat(90)];
  t.equal(new Set(odd.map(contextSlug)).size, odd.length);
  for (const name of odd) t.match(contextSlug(name), /^[a-z0-9]([a-z0-9.-]*[a-z0-9])$/);
});

t.test('a person’s own hosts are found through Include, and patterns are none', async t => {
  const dir = t.testdir({
    '.ssh': {
      config: 'include d/*\nHost=shop  "b c" *.x !y\n  Hostname z\nInclude ours\nInclude ~/loop\nHOST Blog\n',
      d: { one: 'Host deep\r\nInclude ../missing*\n' },
      ours: 'Host mine\n',
    },
    loop: 'Include ~/loop\nHost looped\n',
  });
  const found = ownHosts(join(dir, '.ssh', 'config'), { home: dir, except: join(dir, '.ssh', 'ours') });
  t.same([...found].sort(), ['b c', 'blog', 'deep', 'looped', 'shop']);
  t.same([...ownHosts(join(dir, 'nothing'), { home: dir, except: '' })], []);
});
