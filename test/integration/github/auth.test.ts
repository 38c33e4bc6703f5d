import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hasProgram } from '../../../manifests/install/packages.mjs';
import { ENTERPRISE_HOST, fakeGitHub } from '../../support/github/fake-github.ts';
import { person } from '../../support/github/person.ts';

const skip = hasProgram('gh') ? false : 'gh is missing: apt-get install gh';
const github = await fakeGitHub();
t.teardown(() => github.close());
t.afterEach(() => {
  github.setFault(undefined);
  github.setAtBrowser('waits');
});

t.test('the login that gh has is used, and nothing of it is kept', { skip }, async t => {
  for (const host of ['github.com', ENTERPRISE_HOST]) {
    const token = github.token('ada');
    const ada = await person(t, github, { token, host });
    const { code, stdout, stderr } = await ada.nexus(['auth', 'github', '--host', host]);
    t.match({ code, stdout }, { code: 0, stdout: `${host}: logged in as ada, with the token that gh keeps` });
    t.match(stderr, /next: nexus ssh setup/);
    const config = join(ada.home, '.nexus', 'config.json');
    t.match(JSON.parse(readFileSync(config, 'utf8')), { github: { host, username: 'ada' } });
    t.equal(statSync(config).mode & 0o777, 0o600);
    t.notOk(readFileSync(config, 'utf8').includes(token));
    t.notOk(existsSync(join(ada.home, '.nexus', 'github')));
    t.match(
      await ada.nexus(['auth', 'status']),
      { code: 0, stdout: /user {4}ada\n/ },
      'the host is remembered',
    );
  }
});

t.test('a token of the environment is used without asking, and kept nowhere', { skip }, async t => {
  const token = github.token('bob', ['repo', 'read:org']);
  for (const gh of ['real', 'none'] as const) {
    const bob = await person(t, github, { gh, env: { GITHUB_TOKEN: token } });
    const told = await bob.nexus(['auth', 'github']);
    t.match(told, { code: 0, stdout: /logged in as bob, with the token of GITHUB_TOKEN/ }, gh);
    t.match(told.stderr, /lacks the scope admin:public_key/);
    t.equal((await bob.sh(`! grep -r ${token} .. `)).code, 0);
    t.match(await bob.nexus(['auth', 'github', '--force']), { code: 2, stderr: /next: unset GITHUB_TOKEN/ });
    const other = await bob.nexus(['auth', 'github', '--host', ENTERPRISE_HOST]);
    t.match(
      other,
      { code: 6, stderr: /nobody is logged in on github.example.com/ },
      'it goes to no other host',
    );
  }
});

t.test('without gh a code in a browser makes a token, readable for its owner alone', async t => {
  const carol = await person(t, github, { gh: 'none' });
  t.match(await carol.nexus(['auth', 'github', '--web']), { code: 6, stderr: /next: install gh/ });
  github.setAtBrowser({ login: 'carol' });
  const login = ['auth', 'github', '--web', '--client-id', 'Iv1.test'];
  const told = await carol.nexus(login);
  t.match(told, { code: 0, stdout: /logged in as carol/, stderr: /enter the code WDJB-MJHT/ });
  const file = join(carol.home, '.nexus', 'github', 'github.com.token');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await carol.nexus(['auth', 'status']), {
    code: 0,
    stdout: /scopes {2}repo, read:org, admin:public_key/,
  });
  const calls = github.calls.length;
  t.equal((await carol.nexus(['auth', 'github'])).code, 0);
  t.same(github.calls.slice(calls), ['GET /user'], 'once is enough');
  t.match(await carol.nexus(['auth', 'logout']), { code: 0, stdout: /removed/ });
  t.notOk(existsSync(file));
  t.match(await carol.nexus(['auth', 'status']), { code: 6, stderr: /next: nexus auth github/ });
});

t.test('a code that is refused, or that nobody enters, leaves nothing behind', async t => {
  const dave = await person(t, github, { gh: 'none' });
  const login = ['auth', 'github', '--web', '--client-id', 'Iv1.test'];
  github.setAtBrowser('denies');
  t.match(await dave.nexus(login), { code: 6, stderr: /refused in the browser/ });
  github.setAtBrowser('too-late');
  t.match(await dave.nexus(login), { code: 5, stderr: /nobody entered the code in time/ });
  t.notOk(existsSync(join(dave.home, '.nexus', 'github')));
});

t.test(
  'gh logs in by a browser, and a login that is over is made anew',
  { skip, timeout: 300_000 },
  async t => {
    const erin = await person(t, github);
    t.match(await erin.nexus(['auth', 'github']), { code: 6, stderr: /no terminal to ask in/ });
    github.setAtBrowser({ login: 'erin' });
    t.match(await erin.nexus(['auth', 'github', '--web']), {
      code: 0,
      stdout: /logged in as erin.*gh keeps/,
    });
    github.world.tokens.clear();
    t.match(await erin.nexus(['auth', 'github']), {
      code: 6,
      stderr: /does not take the token that gh keeps.*\nnext: nexus auth github --force/,
    });
    github.setAtBrowser({ login: 'frank' });
    t.match(await erin.nexus(['auth', 'github', '--web']), { code: 0, stdout: /logged in as frank/ });
  },
);

t.test('each thing that is broken has its exit code and a next step', { skip, timeout: 300_000 }, async t => {
  const old = await person(t, github, { gh: 'old' });
  t.match(await old.nexus(['auth', 'github']), { code: 1, stderr: /gh 2.4.0 is too old.*\nnext: / });
  const poor = github.token('ada', ['read:org', 'gist']);
  const ada = await person(t, github, { env: { GH_TOKEN: poor } });
  t.match(await ada.nexus(['auth', 'github']), { code: 6, stderr: /lacks the scope repo.*\nnext: / });
  t.match(await ada.nexus(['auth', 'github', '--host', 'a/b']), { code: 2 });
  for (const gh of ['real', 'none'] as const) {
    const bob = await person(t, github, { gh, env: { GH_TOKEN: github.token('bob') } });
    github.setFault({ how: 'network' });
    t.match(
      await bob.nexus(['auth', 'status']),
      { code: 7, stderr: /out of reach.*\nnext: / },
      `${gh}: network`,
    );
    github.setFault({ how: 'rate-limit', retryAfterSeconds: 600 });
    t.match(
      await bob.nexus(['auth', 'status']),
      { code: 1, stderr: /rate limit.*\nnext: try again at / },
      gh,
    );
    github.setFault({ how: 'secondary-rate-limit', retryAfterSeconds: 30 });
    t.match(await bob.nexus(['auth', 'status']), { code: 1, stderr: /next: try again in 30 s/ }, gh);
    github.setFault({ how: 'unavailable' });
    t.match(await bob.nexus(['auth', 'status']), { code: 7, stderr: /answered 503/ }, gh);
    github.setFault(undefined);
    const gone = await person(t, github, { gh, env: { GH_TOKEN: 'ghp_nobodys' } });
    const { code, stderr } = await gone.nexus(['auth', 'status']);
    t.match({ code, stderr }, { code: 6, stderr: /unset GH_TOKEN/ });
    t.notMatch(stderr, /ghp_nobodys/);
  }
});
