import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { readKubeconfig } from '../../controller/client/kubeconfig.ts';
import { certificateFingerprint } from '../../controller/kit/login-proof.ts';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import { EVENT, SECRET, WORKSPACE } from '../../crds/kinds.ts';
import { SECRET_HOST_KEY } from '../../crds/names.ts';
import { hasProgram } from '../../manifests/install/packages.mjs';
import { holds } from '../support/canaries.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { type FakeGitHub, fakeGitHub } from '../support/github/fake-github.ts';
import { type Person, person } from '../support/github/person.ts';
import { buildTestImage, ensureTestImage } from '../support/images.ts';
import { watchProcesses } from '../support/process-watch.ts';
import { until } from '../support/until.ts';
import { type UpLab, upLab, webServer } from '../support/up-lab.ts';

t.setTimeout(590_000);

/** Far above what it takes (printed), and as many times that as this machine has more to do than processors for it. */
const LIMIT_MS = 60_000 * Math.max(1, (loadavg()[0] ?? 1) / availableParallelism());
const IMAGE = `nexus-test:journey-${process.pid}`;

const found = await findTestEngine();
const skip =
  'problem' in found ? found.problem : hasProgram('gh') ? false : 'gh is missing: apt-get install gh';

await t.test('from an empty home to a push out of a running workspace', { skip }, journey);

async function journey(t: Test): Promise<void> {
  if ('problem' in found) return;
  const github = await fakeGitHub({ address: '0.0.0.0' });
  t.teardown(() => github.close());
  const port = new URL(github.url).port;
  await makeImage(t, github, port);
  await github.addRepository('acme/shop', { private: true, writers: ['ada'], files: repository() });
  const lab = await upLab(t, dockerByHand(found), {
    args: [`--allow-host-port=${port}`, `--github-api=http://127.0.0.1:${port}`, '--registration=open'],
  });
  const processes = watchProcesses();
  t.teardown(() => processes.stop());
  const ran = recordingPath(t);
  const ada = await person(t, github, { env: { PATH: ran.path } });
  github.setAtBrowser({ login: 'ada' });
  const { host, fingerprint } = await serverOf(lab.up.kubeconfig);
  const said: string[] = [];
  const nexus = async (...args: string[]) => {
    const { code, stdout, stderr } = await ada.nexus(args);
    said.push(stdout, stderr);
    if (code !== 0)
      throw new Error(`nexus ${args.join(' ')} exited with ${code}: ${stderr}\n${lab.up.log().slice(-3000)}`);
    return stdout;
  };

  const began = performance.now();
  const took = (what: string) =>
    t.comment(`${what} after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  await nexus('auth', 'github', '--web');
  took('logged in on GitHub');
  await nexus('ssh', 'setup', '--server', host, '--fingerprint', fingerprint);
  took('SSH set up');
  await nexus('workspace', 'create', 'acme/shop');
  took('workspace ready');
  const { ssh } = JSON.parse(await nexus('workspace', 'connect', 'shop', '-o', 'json')) as { ssh: string };
  const inside = async (line: string) => {
    const result = await ada.sh(`${ssh} ${shellWord(line)}`);
    said.push(result.text);
    return result;
  };
  t.match(await inside('cd workspace && git remote -v && cat README.md'), {
    code: 0,
    text: /origin\s+https:\/\/github\.com\/acme\/shop\.git \(push\)\n(.*\n)?# shop/,
  });
  const totalMs = performance.now() - began;
  took('a command over ssh');
  t.ok(totalMs < LIMIT_MS, `within ${LIMIT_MS / 1000} s: ${(totalMs / 1000).toFixed(1)} s`);

  const commit = "git commit -q --allow-empty -m 'from inside'";
  await t.test('a push from inside arrives', async t => {
    const pushed = await inside(`cd workspace && ${commit} && git push -q origin main && git rev-parse HEAD`);
    t.equal(pushed.code, 0, pushed.text);
    t.match(
      (await inside("cd workspace && git log -1 --format='by %an <%ae>'")).text,
      /by ada <\d+\+ada@users\.noreply\.github\.com>/,
    );
    const arrived = await ada.sh('git clone -q https://github.com/acme/shop.git arrived 2>&1 || true');
    t.match(arrived.text, /could not read Username|terminal prompts disabled/, 'it is private');
    t.match(
      (await ada.sh('gh api repos/acme/shop/commits/main --jq .sha')).text.trim(),
      /([0-9a-f]{40})$/.exec(pushed.text.trim())?.[1],
    );
  });

  const first = await tokenOf(ada);
  await t.test('another token takes its place without a restart', async t => {
    const { startedAt } = await lab.engine
      .look(await containerOf(lab.up))
      .then(look => look ?? { startedAt: '' });
    github.revoke(first);
    t.notSame(
      (await inside(`cd workspace && ${commit} && git push -q origin main`)).code,
      0,
      'it was revoked',
    );
    await nexus('auth', 'github', '--web', '--force');
    await nexus('workspace', 'connect', 'shop', '-o', 'json');
    await until(async () => (await inside('cd workspace && git push -q origin main')).code === 0, {
      timeoutMs: 20_000,
      what: () => `a push with the new token; ${said.at(-1)}`,
    });
    t.equal((await lab.engine.look(await containerOf(lab.up)))?.startedAt, startedAt);
  });

  await t.test('no token and no private key is in anything that is written or shown', async t => {
    const container = await containerOf(lab.up);
    const { client } = lab.up;
    const hostKeySecret = await client.get(SECRET, { name: 'shop-ssh-host-key', namespace: 'ada' });
    const hostKey = Buffer.from(hostKeySecret.data?.[SECRET_HOST_KEY] ?? '', 'base64').toString();
    const privateLine = (pem: string) => pem.split('\n')[2] ?? '';
    const read = (path: string) => readFileSync(path, 'utf8');
    const logins = (await ada.sh(`cat ${ada.home}/.nexus/logins/*`)).text;
    const canaries = {
      first,
      second: await tokenOf(ada),
      key: privateLine(read(join(ada.home, '.ssh', 'id_ed25519'))),
      login: /nexus_\w+/.exec(logins)?.[0] ?? '',
      admin: /nexus_\w+/.exec(read(lab.up.kubeconfig))?.[0] ?? '',
      hostKey: privateLine(hostKey),
    };
    const kept: Partial<Record<string, RegExp>> = {
      first: /^(\S+\/gh\/hosts\.yml)?$/,
      second: /^\S+\/gh\/hosts\.yml$/,
      key: /^\S+\/\.ssh\/id_ed25519$/,
      login: /^\S+\/\.nexus\/logins\/\S+$/,
    };
    t.equal(new Set(Object.values(canaries)).size, 6);
    t.ok(
      (await lab.engine.root(container, 'cat /run/nexus/git-login')).includes(canaries.second),
      'in memory',
    );
    const backup = join(lab.up.home, 'backup.db');
    t.match(await lab.up.cli(['backup', backup]), { code: 0 });
    const rows = [...rowsOf(join(lab.up.home, 'server', 'nexus.db')), ...rowsOf(backup)];
    const textOf = (isSecret: boolean) =>
      rows.flatMap(row => (isSecret === (row.kind === 'Secret') ? row.value : [])).join('\n');
    t.ok(holds(textOf(true), canaries.second) && holds(textOf(true), canaries.hostKey), 'Secrets are seen');
    const within = await lab.engine.root(
      container,
      "cat /var/log/nexus/*; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; done 2>/dev/null; true",
    );
    const events = (await client.list(EVENT)).items;
    t.ok(events.length > 3);
    const audit = (await ada.sh(`cat ${lab.up.home}/server/audit/*`)).text;
    t.match(audit, /"verb":"create"/);
    const seen = processes.seen();
    t.ok(seen.length > 20, `${seen.length} command lines and environments`);
    t.match(ran.calls(), /gh .*api/, 'programs that were run are known');
    const places: Record<string, string> = {
      'what was shown': said.join('\n'),
      'log of server and agent, with -v': lab.up.log(),
      'rows of the database and of its backup but Secrets': textOf(false),
      events: JSON.stringify(events),
      'the audit log': audit,
      'command lines and environments, throughout': withoutGitLogin(seen.join('\n')),
      'what programs were run with': withoutGitLogin(ran.calls()),
      'logs and processes of the workspace': within,
    };
    for (const [name, canary] of Object.entries(canaries)) {
      t.ok(canary.length > 20, name);
      for (const [where, text] of Object.entries(places)) t.notOk(holds(text, canary), `${name}: ${where}`);
      t.notOk(await lab.engine.filesContain(container, canary), `${name}: the workspace's own disk`);
      const home = await lab.engine.root(container, `grep -rlF -e '${canary}' /home || true`);
      t.equal(home, '', `${name}: its volume`);
      const files = (await ada.sh(`grep -rlF -e '${canary}' ${ada.home} || true`)).text.trim();
      t.match(files, kept[name] ?? /^$/, `${name}: the home`);
    }
  });

  await t.test('the Secret goes with the workspace', async t => {
    const { items } = await lab.up.client.list(SECRET, { namespace: 'ada' });
    t.ok(items.some(({ metadata }) => metadata.name === 'shop-git'));
    await nexus('workspace', 'delete', 'shop');
    await until(
      async () =>
        !(await lab.up.client.list(SECRET, { namespace: 'ada' })).items.some(
          ({ metadata }) => metadata.name === 'shop-git',
        ),
      { timeoutMs: 20_000, what: () => 'the Secret to go' },
    );
  });
}

/** The command line's own git has it in its environment, which nobody but its user reads: cli/git/run-git.ts. */
function withoutGitLogin(text: string): string {
  return text.replaceAll(/NEXUS_GIT_PASSWORD=\S+/g, '');
}

/** A PATH on which the programs that the command line runs write down how each was called, arguments and environment. */
function recordingPath(t: Test): { path: string; calls(): string } {
  const dir = t.testdir();
  const [bin, log] = [join(dir, 'bin'), join(dir, 'calls')];
  mkdirSync(bin);
  for (const program of ['gh', 'git', 'ssh', 'ssh-add', 'ssh-keygen', 'ssh-keyscan', 'scp']) {
    const real = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh\n{ echo "${program} $*"; env; } >>${log}\nexec ${real} "$@"\n`;
    writeFileSync(join(bin, program), script, { mode: 0o755 });
  }
  return {
    path: `${bin}:${process.env.PATH}`,
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
  };
}

function rowsOf(file: string): { kind: string; value: string }[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const query = "SELECT json_extract(value, '$.kind') AS kind, key || ' ' || value AS value FROM log";
    return db.prepare(query).all() as { kind: string; value: string }[];
  } finally {
    db.close();
  }
}

function repository() {
  return {
    'README.md': '# shop\n',
    '.nexus/config.yaml': JSON.stringify({
      providers: { docker: { image: IMAGE } },
      services: {
        web: { command: webServer(3000, 'hello'), port: 3000, health_check: { type: 'http', path: '/' } },
      },
    }),
  };
}

/** For it the local server is github.com, as for the person. */
async function makeImage(t: Test, github: FakeGitHub, port: string): Promise<void> {
  if ('problem' in found) return;
  const base = await ensureTestImage(found.docker, 'ready');
  const ca = readFileSync(github.caFile).toString('base64');
  await buildTestImage(
    found.docker,
    IMAGE,
    [
      `FROM ${base}`,
      `RUN echo ${ca} | base64 -d > /etc/github.pem`,
      `ENV HTTPS_PROXY=http://node.nexus.internal:${port} GIT_SSL_CAINFO=/etc/github.pem`,
      '',
    ].join('\n'),
  );
  t.teardown(() => found.docker.getImage(IMAGE).remove({ force: true }));
}

async function serverOf(kubeconfig: string): Promise<{ host: string; fingerprint: string }> {
  const { server = '', 'certificate-authority-data': ca = '' } =
    (await readKubeconfig(kubeconfig)).clusters?.[0]?.cluster ?? {};
  const fingerprint = certificateFingerprint(Buffer.from(ca, 'base64').toString());
  return { host: server.replace('https://', ''), fingerprint };
}

async function tokenOf(who: Person): Promise<string> {
  return (await who.sh('gh auth token')).text.trim();
}

async function containerOf({ client }: UpLab['up']): Promise<string> {
  return (await client.get(WORKSPACE, { name: 'shop', namespace: 'ada' })).status?.containerID ?? '';
}
