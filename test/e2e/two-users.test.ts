import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readKubeconfig } from '../../controller/client/kubeconfig.ts';
import { certificateFingerprint } from '../../controller/kit/login-proof.ts';
import { USER, WORKSPACE } from '../../crds/kinds.ts';
import { hasProgram } from '../../manifests/install/packages.mjs';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { fakeGitHub } from '../support/github/fake-github.ts';
import { type Person, person } from '../support/github/person.ts';
import { until, within } from '../support/until.ts';
import { upLab } from '../support/up-lab.ts';

t.setTimeout(590_000);
const found = await findTestEngine();
const skip =
  ('problem' in found && found.problem) || (hasProgram('gh') ? false : 'gh is missing: apt-get install gh');

/** How soon somebody must be out. */
const OUT_MS = 45_000;

async function openLab(t: Test) {
  if ('problem' in found) throw new Error(found.problem);
  const github = await fakeGitHub();
  t.teardown(() => github.close());
  const args = [`--github-api=${github.url}`, '--registration=open', '--rest-rate=1000'];
  const lab = await upLab(t, dockerByHand(found), { args });
  const { clusters } = await readKubeconfig(lab.up.kubeconfig);
  const { server: url = '', 'certificate-authority-data': ca = '' } = clusters?.[0]?.cluster ?? {};
  const server = url.replace('https://', '');
  const fingerprint = certificateFingerprint(Buffer.from(ca, 'base64').toString());
  /** Somebody who came in the way that everybody does. */
  const enter = async (login: string): Promise<Person> => {
    const one = await person(t, github, { token: github.token(login) });
    // ssh itself knows the home of the account alone.
    one.env.NEXUS_SSH_KEY_PATH = join(one.home, '.ssh', 'id_ed25519');
    const { code, stderr } = await one.nexus([
      'ssh',
      'setup',
      '--server',
      server,
      '--fingerprint',
      fingerprint,
    ]);
    if (code !== 0) throw new Error(`nexus ssh setup exited with ${code}: ${stderr}`);
    await until(async () => (await lab.up.client.get(USER, { name: login })).status?.namespace === login, {
      timeoutMs: 10_000,
      what: () => `the namespace of ${login}`,
    });
    return one;
  };
  return { ...lab, url, enter };
}

/** A session that is open until somebody ends it. */
async function openSession(t: Test, who: Person, args: string[]) {
  const { stdout, stderr } = await who.nexus(['ssh', ...args, '--print']);
  const command = stdout.trim();
  if (command === '') throw new Error(`no ssh command: ${stderr}`);
  const child = spawn('sh', ['-c', `exec ${command} cat`], {
    env: who.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.teardown(() => void child.kill());
  const ended = once(child, 'exit').then(() => Date.now());
  child.stdin.write('hello\n');
  await within(once(child.stdout, 'data'), {
    timeoutMs: 60_000,
    what: () => `an answer of ${command}, which ended with ${child.exitCode ?? child.signalCode}`,
  });
  return { isOpen: () => child.exitCode === null && child.signalCode === null, ended };
}

t.test('two users with a workspace of one name do not meet', { skip }, async t => {
  const { up, image, url, enter } = await openLab(t);
  const [ada, eve] = [await enter('ada'), await enter('eve')];
  const manifest = `apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec: {image: '${image}', env: [{name: OWNER, value: WHO}]}
`;
  const made = [ada, eve].map((one, i) =>
    one.nexus(['apply', '-f', '-', '--wait', '--timeout', '180s'], {
      stdin: manifest.replace('WHO', ['ada', 'eve'][i] as string),
    }),
  );
  for (const { code, stderr } of await Promise.all(made)) t.equal(code, 0, stderr);

  await t.test('each is in their own', async t => {
    for (const [one, name] of [
      [ada, 'ada'],
      [eve, 'eve'],
    ] as const)
      for (const via of ['direct', 'gateway'])
        t.match(
          await one.nexus(['exec', 'shop', '--via', via, '--', 'sh', '-c', 'echo $OWNER']),
          { code: 0, stdout: `${name}\n` },
          `${name}, ${via}`,
        );
  });

  await t.test('one cannot see, reach, stop or learn of the other’s', async t => {
    const shop = await up.client.get(WORKSPACE, { name: 'shop', namespace: 'ada' });
    for (const name of ['shop', 'none'])
      for (const args of [
        ['get', 'ws', name, '-n', 'ada'],
        ['stop', name, '-n', 'ada'],
        ['delete', 'ws', name, '-n', 'ada'],
        ['ssh', name, '-n', 'ada', 'true'],
        ['events', '-n', 'ada'],
      ])
        t.match(await eve.nexus(args), { code: 6 }, args.join(' '));
    t.match(await eve.nexus(['get', 'ws', '-A']), { code: 6 });
    t.match(await eve.nexus(['get', 'secrets', '-n', 'ada']), { code: 6 });
    const jump = (await eve.nexus(['ssh', 'shop', '--via', 'gateway', '--print'])).stdout.trim();
    const [real, none] = await Promise.all(
      ['shop', 'none'].map(name => eve.sh(`${jump.replaceAll('shop.eve', `${name}.ada`)} true || true`)),
    );
    t.match(real?.text, /administratively prohibited|may not open/);
    t.equal(real?.text.replaceAll('shop', 'none'), none?.text, 'whether it is there or not');
    const { host, port, hostKeys } = shop.status?.ssh ?? {};
    await eve.sh(`echo '[${host}]:${port} ${hostKeys?.[0]}' > known`);
    const straight = `ssh -F none -o UserKnownHostsFile=known -o BatchMode=yes -o IdentitiesOnly=yes -i ~/.ssh/id_ed25519 -p ${port} dev@${host} true`;
    t.match(await eve.sh(straight), { code: 255, text: /Permission denied \(publickey\)/ });
    const { token } = JSON.parse((await eve.sh('cat ~/.nexus/logins/*.json')).text);
    const rest = async (path: string) =>
      (await eve.sh(`curl -sk --noproxy '*' -H 'Authorization: Bearer ${token}' ${url}/api/v1${path}`)).text;
    const [of, ofNobody] = await Promise.all(
      ['ada', 'nobody'].map(async owner => JSON.parse(await rest(`/workspaces?owner=${owner}`))),
    );
    t.notOk(of.workspaces?.length);
    t.same([of.error, of.status], [ofNobody.error, ofNobody.status], 'whether there is such a user or not');
    const { workspaces } = JSON.parse(await rest('/workspaces'));
    t.same(
      workspaces.map((one: { owner: string }) => one.owner),
      ['eve'],
    );
    t.match(await rest('/users/ada'), /user_not_found/);
  });

  await t.test('what is shared is entered and read, and left within seconds', async t => {
    const share = (...authorizedUsers: string[]) =>
      up.client.patch(WORKSPACE, { name: 'shop', namespace: 'ada' }, 'merge', {
        spec: { ssh: { authorizedUsers } },
      });
    await share('eve');
    for (const via of ['gateway', 'direct'])
      await until(
        async () => (await eve.nexus(['exec', 'shop', '-n', 'ada', '--via', via, '--', 'true'])).code === 0,
        { timeoutMs: 15_000, what: () => `eve to be let in, ${via}` },
      );
    t.match(await eve.nexus(['stop', 'shop', '-n', 'ada']), { code: 6 });
    const hers = await openSession(t, ada, ['shop', '--via', 'direct']);
    const open = [];
    for (const via of ['gateway', 'direct'])
      open.push(await openSession(t, eve, ['shop', '-n', 'ada', '--via', via]));
    const since = Date.now();
    await share();
    for (const { ended } of open) t.ok((await ended) - since < OUT_MS, 'the session is over');
    t.match(await eve.nexus(['exec', 'shop', '-n', 'ada', '--', 'true']), { code: 6 });
    t.ok(hers.isOpen(), 'the owner is not disturbed');
  });

  await t.test('a removed key is shut out, with its open sessions', async t => {
    const open = [];
    for (const via of ['gateway', 'direct']) open.push(await openSession(t, ada, ['shop', '--via', via]));
    const theirs = await openSession(t, eve, ['shop', '--via', 'direct']);
    const { items } = await up.client.list(USER);
    const name = items.find(({ metadata }) => metadata.name === 'ada')?.spec.sshKeys?.[0]?.name ?? '';
    const since = Date.now();
    t.match(await up.cli(['user', 'keys', 'ada', '--remove', name]), { code: 0 });
    for (const { ended } of open) t.ok((await ended) - since < OUT_MS, 'the session is over');
    t.match(await ada.nexus(['whoami']), { code: 6 });
    t.ok(theirs.isOpen(), 'nobody else is disturbed');
  });
});
