import t, { type Test } from 'tap';
import { hasProgram } from '../../../manifests/install/packages.mjs';
import { ENTERPRISE_HOST, fakeGitHub } from '../../support/github/fake-github.ts';
import { person } from '../../support/github/person.ts';

const skip = hasProgram('gh') ? false : 'gh is missing: apt-get install gh';
const github = await fakeGitHub();
t.teardown(() => github.close());
await github.addRepository('acme/shop', {
  writers: ['ada'],
  private: true,
  files: { 'README.md': '# shop\n' },
});
await github.addRepository('acme/open', { files: { 'src/a.txt': 'a' } });

/** What a line of shell says to somebody for whom this is GitHub; a failure ends it with its exit code. */
async function shell(t: Test, env: Record<string, string> = {}) {
  const { sh } = await person(t, github, { env });
  return async (line: string) => {
    const { code, text } = await sh(line);
    return code === 0 ? text : `${text}\nexit code ${code}`;
  };
}
const HELPER = `-c credential.helper= -c credential.helper='!gh auth git-credential'`;

for (const host of ['github.com', ENTERPRISE_HOST])
  t.test(`gh and git take it for ${host}`, { skip, timeout: 300_000 }, async t => {
    const sh = await shell(t, { GH_HOST: host });
    const token = github.token('ada');
    t.match(await sh(`echo ${token} | gh auth login -h ${host} --with-token && gh auth status`), /as ada/);
    t.match(await sh('gh api user'), /"login":"ada"/);
    await sh(`ssh-keygen -q -t ed25519 -N '' -f ${host}`);
    t.notMatch(await sh(`gh ssh-key add ${host}.pub`), /exit code/);
    t.match(await sh('gh ssh-key list'), /ssh-ed25519/);
    t.match(
      await sh('gh repo view acme/shop --json viewerPermission,url'),
      new RegExp(`"https://${host}/acme`),
    );
    t.match(await sh('gh repo view acme/none'), /Could not resolve to a Repository/);
    t.notMatch(
      await sh('gh repo fork acme/open --clone=false; gh repo fork acme/open --clone=false'),
      /exit code/,
    );
    t.match(await sh('gh api repos/ada/open --jq .parent.full_name'), /acme\/open/);
    t.match(await sh('gh api repos/acme/open/contents/src/a.txt --jq .content'), /YQ==/);
    t.match(
      await sh(`git ${HELPER} clone -q https://${host}/acme/shop && cd shop && echo ${host} > more &&
        git add . && git -c user.name=a -c user.email=a@b commit -qm more && git ${HELPER} push && git log --oneline`),
      /more\n/,
    );
    t.match(await sh(`GIT_TERMINAL_PROMPT=0 git clone https://${host}/acme/shop two`), /exit code 128/);
    t.match(await sh(`cd shop && git ${HELPER} push https://${host}/acme/open`), /denied to ada/);
  });

t.test('scopes, logins and limits are refused in its words', { skip, timeout: 300_000 }, async t => {
  const sh = await shell(t);
  await sh(`ssh-keygen -q -t ed25519 -N '' -f key`);
  const poor = github.token('bob', ['repo']);
  t.match(
    await sh(`echo ${poor} | gh auth login -h github.com --with-token`),
    /missing required scope 'read:org'/,
  );
  t.match(
    await sh(`GH_TOKEN=${poor} gh ssh-key add key.pub`),
    /gh auth refresh .*-s admin:public_key|insufficient/,
  );
  const rich = github.token('bob');
  await sh(`GH_TOKEN=${rich} gh ssh-key add key.pub`);
  t.match(await sh(`GH_TOKEN=${github.token('eve')} gh ssh-key add key.pub`), /key is already in use/);
  t.match(await sh(`GH_TOKEN=${poor} gh repo view acme/shop`), /Could not resolve/);
  github.setFault({ how: 'rate-limit', count: 1 });
  t.match(await sh(`GH_TOKEN=${rich} gh api user`), /rate limit exceeded/);
  t.match(await sh(`GH_TOKEN=${rich} gh api user`), /"bob"/, 'one request alone');
  github.setFault({ how: 'network' });
  t.match(await sh(`GH_TOKEN=${rich} gh api user`), /EOF/);
  github.setFault(undefined);
  github.revoke(rich);
  t.match(await sh(`GH_TOKEN=${rich} gh api user`), /Bad credentials/);
});

t.test('a login by way of the browser', { skip, timeout: 300_000 }, async t => {
  const sh = await shell(t);
  github.setAtBrowser({ login: 'carol' });
  await sh('gh auth login -h github.com -p https -w');
  t.match(await sh('gh auth status && gh api user'), /"carol"/);
  github.setAtBrowser('denies');
  t.match(await sh('gh auth logout -h github.com; gh auth login -h github.com -p https -w'), /access_denied/);
});

t.test('nothing else on the network is reached', async t => {
  const sh = await shell(t);
  t.match(await sh('git ls-remote https://gitlab.com/acme/shop'), /502/);
});
