import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import { readKubeconfig } from '../../../controller/client/kubeconfig.ts';
import { writeKubeconfig } from '../../../controller/client/write-kubeconfig.ts';
import { certificateFingerprint } from '../../../controller/kit/login-proof.ts';
import { USER } from '../../../crds/kinds.ts';
import { hasProgram } from '../../../manifests/install/packages.mjs';
import { fakeGitHub } from '../../support/github/fake-github.ts';
import { type Person, type PersonOptions, person } from '../../support/github/person.ts';
import { startHttpsServer } from '../../support/https-server.ts';
import { localServer } from '../../support/local-server.ts';

const skip = hasProgram('gh') ? false : 'gh is missing: apt-get install gh';
const github = await fakeGitHub();
t.teardown(() => github.close());
const server = await localServer({
  agent: false,
  flags: { githubApi: github.url, registration: 'open', restRate: 10_000, loginTtl: 60_000 },
});
t.teardown(() => server.close());
const { clusters } = await readKubeconfig(server.kubeconfig);
const { server: url = '', 'certificate-authority-data': ca = '' } = clusters?.[0]?.cluster ?? {};
const host = url.replace('https://', '');
const authority = Buffer.from(ca, 'base64').toString();
const fingerprint = certificateFingerprint(authority);
const KNOWN = ['--server', host, '--fingerprint', fingerprint];

const somebody = (t: Parameters<typeof person>[0], login: string, options: PersonOptions = {}) =>
  person(t, github, { token: github.token(login), ...options });
const registered = async (one: Person) => {
  const { code, stderr } = await one.nexus(['ssh', 'setup', ...KNOWN]);
  if (code !== 0) throw new Error(`nexus ssh setup exited with ${code}: ${stderr}`);
};
/** The cached token, as if its time had come. */
const kept = (one: Person) =>
  JSON.parse(readFileSync(join(one.home, '.nexus', 'logins', '127.0.0.1.json'), 'utf8'));

t.test('from an empty home: a key is made, put on GitHub, registered, and logs in', { skip }, async t => {
  const ada = await somebody(t, 'ada');
  const first = await ada.nexus(['ssh', 'setup', ...KNOWN]);
  t.match(first, { code: 0 }, first.stderr);
  t.match(
    first.stdout,
    /id_ed25519 made[\s\S]*added to your account[\s\S]*registered as ada[\s\S]*logged in as ada/,
  );
  const file = join(ada.home, '.ssh', 'id_ed25519');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(join(ada.home, '.ssh')).mode & 0o777, 0o700);
  t.match(readFileSync(join(ada.home, '.ssh', 'config'), 'utf8'), /^Include .*\.nexus\/ssh\/config/m);
  t.match(await server.client.get(USER, { name: 'ada' }), { spec: { github: { id: github.idOf('ada') } } });
  t.equal(github.world.accounts.get('ada')?.keys.length, 1);
  const again = await ada.nexus(['ssh', 'setup', '--fingerprint', fingerprint], {
    env: { NEXUS_SERVER: host },
  });
  t.match(
    again,
    { code: 0, stdout: /id_ed25519 \(ssh-ed25519[\s\S]*already[\s\S]*already/ },
    'a second time',
  );
  t.equal(github.world.accounts.get('ada')?.keys.length, 1);
  const told = await ada.nexus(['whoami']);
  t.match(told.stdout, /user +ada\n[\s\S]*namespace +ada\n[\s\S]*by an SSH key/);
  t.ok(told.stdout.includes(fingerprint));
  for (const name of ['kubeconfig', 'logins/127.0.0.1.json'])
    t.equal(statSync(join(ada.home, '.nexus', name)).mode & 0o777, 0o600, name);
  t.notMatch(
    readFileSync(join(ada.home, '.nexus', 'kubeconfig'), 'utf8'),
    /nexus_/,
    'no token in the kubeconfig',
  );
});

t.test('a key in ssh-agent alone is enough to log in', { skip }, async t => {
  const bob = await somebody(t, 'bob');
  const agent =
    /SSH_AUTH_SOCK=([^;]+);.*SSH_AGENT_PID=(\d+);/s.exec((await bob.sh('ssh-agent -s')).text) ?? [];
  t.teardown(() => process.kill(Number(agent[2])));
  const env = { SSH_AUTH_SOCK: agent[1] };
  bob.env.SSH_AUTH_SOCK = agent[1];
  await bob.sh('ssh-keygen -q -t ecdsa -N "" -f key && ssh-add key && rm key key.pub');
  t.match(await bob.nexus(['ssh', 'setup', ...KNOWN], { env }), { code: 0, stdout: /in ssh-agent \(ecdsa/ });
  t.notOk(existsSync(join(bob.home, '.ssh', 'id_ed25519')), 'no other is made');
  const login = ['login', host, '--with', 'ssh'];
  t.match(await bob.nexus(login, { env }), { code: 0, stdout: /logged in as bob, by the SSH key/ });
  t.match(await bob.nexus(login, { env: { SSH_AUTH_SOCK: '' } }), {
    code: 6,
    stderr: /knows none of your SSH keys/,
  });
});

t.test(
  'a token that is over is got anew by the same proof, also by kubectl',
  { skip, timeout: 300_000 },
  async t => {
    for (const way of ['ssh', 'github'] as const) {
      const carol = await somebody(t, `carol-${way}`);
      await registered(carol);
      t.equal((await carol.nexus(['login', host, '--with', way])).code, 0);
      const before = kept(carol);
      t.match(await carol.nexus(['whoami']), { code: 0 });
      t.equal(kept(carol).token, before.token, 'one that is fresh is used again');
      const file = join(carol.home, '.nexus', 'logins', '127.0.0.1.json');
      const over = JSON.stringify({
        ...before,
        token: 'nexus_over',
        renewAt: '2020-01-01T00:00:00Z',
        expiresAt: '2020-01-01T00:00:00Z',
      });
      writeFileSync(file, over);
      t.match(await carol.nexus(['whoami']), { code: 0, stdout: new RegExp(`user +carol-${way}\n`) });
      t.not(kept(carol).token, 'nexus_over');
      writeFileSync(file, over);
      const kubectl = await carol.sh(
        'kubectl --kubeconfig ~/.nexus/kubeconfig auth whoami -o jsonpath={.status.userInfo.username}',
      );
      t.equal(kubectl.text, `carol-${way}`);
    }
  },
);

t.test('a server that is not known is not talked to before its fingerprint is given', { skip }, async t => {
  const dave = await somebody(t, 'dave');
  const unknown = await dave.nexus(['login', host]);
  t.match(unknown, { code: 6, stderr: /is not known yet/ });
  t.ok(unknown.stderr.includes(`--fingerprint ${fingerprint}`));
  const other = fingerprint.replaceAll(/[0-9]/g, '7');
  t.match(await dave.nexus(['login', host, '--fingerprint', other]), {
    code: 6,
    stderr: /not the one that was given/,
  });
  t.notOk(existsSync(join(dave.home, '.nexus', 'kubeconfig')), 'nothing is kept');
  const refused = await dave.nexus(['login', host], { stdin: 'no\n', tty: true });
  t.match(refused, { code: 6, stderr: /Is it the same\?[\s\S]*nothing was sent to it/ });
  t.ok(refused.stderr.includes(fingerprint));
  const confirmed = await dave.nexus(['login', host], { stdin: 'y\n', tty: true });
  t.match(confirmed, { code: 6, stderr: /dave is not registered/ }, 'it is asked who that is');
  await registered(dave);
  t.match(await dave.nexus(['login', host]), { code: 0 }, 'it is known from then on');
});

t.test('a server that was exchanged for another is noticed', { skip }, async t => {
  const flags = { githubApi: github.url, registration: 'open' };
  const other = await localServer({ agent: false, ownAuthority: true, flags });
  t.teardown(() => other.close());
  const at =
    (await readKubeconfig(other.kubeconfig)).clusters?.[0]?.cluster.server?.replace('https://', '') ?? '';
  const erin = await somebody(t, 'erin');
  await registered(erin);
  const config = join(erin.home, '.nexus', 'kubeconfig');
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(host, at));
  t.match(await erin.nexus(['login', at]), { code: 6, stderr: /not the one it is known by/ });
  t.match(await erin.nexus(['whoami']), { code: 6 }, 'the token stays here');
});

t.test('NEXUS_TOKEN is who one is, whatever the kubeconfig says', { skip }, async t => {
  const gus = await somebody(t, 'gus');
  await registered(gus);
  const { users } = await readKubeconfig(server.kubeconfig);
  const env = { NEXUS_TOKEN: users?.[0]?.user.token };
  t.match(await gus.nexus(['whoami'], { env }), { code: 0, stdout: /user +admin\n/ });
  t.match(await gus.nexus(['user', 'keys', 'gus'], { env }), { code: 0 });
  t.match(await gus.nexus(['whoami'], { env: { NEXUS_TOKEN: 'nexus_wrong' } }), { code: 6 });
});

t.test('behind a proxy that ends TLS no key is signed with, and GitHub does', { skip }, async t => {
  const joe = await somebody(t, 'joe');
  await registered(joe);
  const proxy = await startHttpsServer((incoming, response) => {
    const { method, headers } = incoming;
    const sent = request(`${url}${incoming.url}`, { method, headers, ca: authority }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(sent);
  });
  t.teardown(() => proxy.close());
  const file = join(joe.home, 'proxy.pem');
  writeFileSync(file, proxy.certificates.ca);
  const login = (...args: string[]) => joe.nexus(['login', proxy.url, ...args]);
  t.match(await login(), { code: 6, stderr: /did not sign\nnext: .*--ca FILE --with github/ });
  for (const way of [[], ['--with', 'ssh']])
    t.match(await login('--ca', file, ...way), {
      code: 6,
      stderr: /nothing was signed\nnext: .*--with github.*docs\/access/,
    });
  t.match(await login('--ca', file, '--with', 'github'), { code: 0, stdout: /logged in as joe/ });
  t.match(await joe.nexus(['user', 'keys']), { code: 0, stdout: /ssh-ed25519/ });
});

t.test('what needs the REST API says so where there is none', { skip }, async t => {
  const kim = await person(t, github);
  const kubernetes = await startHttpsServer((incoming, response) => {
    incoming.resume();
    const status = {
      kind: 'Status',
      status: 'Failure',
      message: 'the server could not find the requested resource',
    };
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(status));
  });
  t.teardown(() => kubernetes.close());
  const kubeconfig = join(kim.home, 'config');
  await writeKubeconfig(kubeconfig, {
    name: 'k8s',
    cluster: {
      server: kubernetes.url,
      'certificate-authority-data': Buffer.from(kubernetes.certificates.ca).toString('base64'),
    },
    user: { token: 'of-kubernetes' },
    namespace: 'default',
    current: true,
  });
  t.match(await kim.nexus(['user', 'keys', 'kim', '--kubeconfig', kubeconfig]), {
    code: 1,
    stderr: /has no REST API of Nexus.*\nnext: .*nexus edit user NAME/,
  });
  const file = join(kim.home, 'ca.pem');
  writeFileSync(file, kubernetes.certificates.ca);
  t.match(await kim.nexus(['login', kubernetes.url, '--ca', file]), {
    code: 1,
    stderr: /no REST API of Nexus/,
  });
});

t.test('logging out ends the token there and forgets it here', { skip }, async t => {
  const frank = await somebody(t, 'frank');
  await registered(frank);
  const { token } = kept(frank);
  t.match(await frank.nexus(['logout']), { code: 0, stdout: /logged out/ });
  t.match(await frank.nexus(['whoami']), { code: 2 });
  t.notOk(existsSync(join(frank.home, '.nexus', 'logins', '127.0.0.1.json')));
  const answer = await frank.sh(
    `curl -sk --noproxy '*' -H 'Authorization: Bearer ${token}' ${url}/api/v1/workspaces`,
  );
  t.match(answer.text, /auth_required/);
});

t.test('what is in the way of a key is told with what to do', { skip, timeout: 300_000 }, async t => {
  const none = await person(t, github);
  t.match(await none.nexus(['ssh', 'setup', ...KNOWN]), {
    code: 6,
    stderr: /nobody is logged in.*\nnext: nexus auth github/,
  });
  const poor = await person(t, github, { token: github.token('gina', ['repo', 'read:org']) });
  t.match(await poor.nexus(['ssh', 'setup', ...KNOWN]), {
    code: 6,
    stderr:
      /lacks the scope admin:public_key.*\nnext: gh auth refresh --hostname github.com --scopes admin:public_key/,
  });
  const { items } = await server.client.list(USER);
  t.notOk(
    items.some(({ metadata }) => metadata.name === 'gina'),
    'nothing is half done',
  );
  const hal = await somebody(t, 'hal');
  await registered(hal);
  const ivy = await somebody(t, 'ivy');
  await ivy.sh(`mkdir -p ~/.ssh && cp ${hal.home}/.ssh/id_ed25519* ~/.ssh/`);
  t.match(await ivy.nexus(['ssh', 'setup', ...KNOWN]), {
    code: 4,
    stderr: /another account.*\nnext: .*nexus ssh setup --new/,
  });
  const fresh = ['ssh', 'setup', ...KNOWN, '--new', '--key', '~/.ssh/id_nexus'];
  t.match(await ivy.nexus(fresh), { code: 0, stdout: /id_nexus made/ });
  t.match(readFileSync(join(ivy.home, '.nexus', 'config.json'), 'utf8'), /"keyPath": ".*id_nexus"/);
  await ivy.sh('rm ~/.ssh/id_ed25519*; chmod 644 ~/.ssh/id_nexus');
  t.match(await ivy.nexus(['ssh', 'setup', ...KNOWN]), { code: 0, stderr: /was readable for others/ });
  t.equal(statSync(join(ivy.home, '.ssh', 'id_nexus')).mode & 0o777, 0o600);
});

t.test('a removed key cannot log in, and its token is over at once', { skip }, async t => {
  const jo = await somebody(t, 'jo');
  await registered(jo);
  t.equal((await jo.nexus(['whoami'])).code, 0);
  await server.client.patch(USER, { name: 'jo' }, 'merge', { spec: { sshKeys: [] } });
  t.match(await jo.nexus(['whoami']), { code: 6 });
  t.match(await jo.nexus(['login', host, '--with', 'ssh']), {
    code: 6,
    stderr: /knows none of your SSH keys/,
  });
  t.match(await jo.nexus(['login', host]), { code: 0, stdout: /by GitHub/ });
});

t.test('whoever is not registered is told what to do', { skip }, async t => {
  const kim = await somebody(t, 'kim');
  t.match(await kim.nexus(['login', host, '--fingerprint', fingerprint]), {
    code: 6,
    stderr: /kim is not registered.*\nnext: nexus ssh setup --server/,
  });
});

t.test(
  'users are added, listed and removed by an admin; keys by the user and by nobody else',
  { skip },
  async t => {
    const lou = await somebody(t, 'lou');
    const max = await somebody(t, 'max');
    for (const one of [lou, max]) await one.sh('ssh-keygen -q -t ed25519 -N "" -C phone -f phone');
    await registered(max);
    const pub = join(lou.home, 'work', 'phone.pub');
    const admin = (...args: string[]) => server.cli(['user', ...args]);
    t.match(await admin('add', 'lou'), { code: 2, stderr: /a way in/ });
    t.match(await admin('add', 'lou', '--github', 'lou', '--key', pub), { code: 0 });
    t.match(await admin('add', 'lou', '--github', 'lou'), { code: 4 });
    t.match(await admin('list'), { code: 0, stdout: /^lou +member +lou/m });
    t.match(await admin('keys', 'lou'), { code: 0, stdout: /^phone +ssh-ed25519 +SHA256:/m });
    t.match(await lou.nexus(['login', host, '--fingerprint', fingerprint, '--key', pub]), { code: 0 });
    await lou.sh('ssh-keygen -q -t ecdsa -N "" -C tablet -f tablet');
    t.match(await lou.nexus(['user', 'keys', '--add', 'work/tablet.pub']), {
      code: 0,
      stdout: /^tablet +ecdsa/m,
    });
    t.match(await lou.nexus(['user', 'keys', '--remove', 'none']), { code: 3 });
    t.match(
      await max.nexus(['user', 'keys', 'lou', '--remove', 'phone']),
      { code: 3 },
      'lou is nobody to max',
    );
    t.match(await max.nexus(['user', 'list']), { code: 6 });
    const left = await lou.nexus(['user', 'keys', '--remove', 'phone']);
    t.match(left, { code: 0, stdout: /^tablet/m });
    t.notMatch(left.stdout, /phone/);
    t.match(await lou.nexus(['whoami']), { code: 6 }, 'the login was by that key');
    t.match(await admin('remove', 'lou'), { code: 0 });
    t.match(await admin('remove', 'nobody'), { code: 3 });
  },
);
