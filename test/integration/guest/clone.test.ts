import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { splitLogin } from '../../../agent/guest/git-login.ts';
import { CLONE_EXIT, type CloneRequest, type GuestDesired } from '../../../agent/guest/guest.ts';
import { createScriptGuest } from '../../../agent/guest/script-guest.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { makeRepository, publish, startGitServer } from '../../support/git-server.ts';
import { until, within } from '../../support/until.ts';
import { openLab } from './lab.ts';

const run = promisify(execFile);
t.setTimeout(300_000);

const lab = await openLab(t, { guest: { cloneTimeoutSeconds: 60 } });
if (lab) {
  const { guest, id, dir } = lab;
  const key = async (name: string) => readFile(join(dir, name), 'utf8');
  await lab.configure({ authorizedKeys: [await key('user.pub'), await key('other.pub')] });
  const server = await startGitServer(t, dir);
  const made = await makeRepository(dir, 'shop');
  // The container must not reach the host: the server comes to it by a remote forward.
  const tunnel = lab.session(['-R', `127.0.0.1:8080:127.0.0.1:${server.port}`, 'echo open; sleep 1000']);
  await within(once(tunnel.stdout!, 'data'), { timeoutMs: 60_000, what: () => 'a tunnel to the server' });

  const base = 'http://127.0.0.1:8080';
  const open = `${base}/shop.git`;
  const closed = `${base}/private/shop.git`;
  const login = { origin: base, username: 'ada', password: server.password };
  const setLogin = (git: GuestDesired['git']) => lab.configure({ git });
  /** Where it is, and nowhere else: in memory. */
  const IN_MEMORY = '/run/nexus/git-login';
  let token = 0;
  const clone = async (request: Omit<CloneRequest, 'token'>, fresh = true) => {
    if (fresh) await lab.sh('rm -rf /home/dev/workspace');
    const mine = `clone/${++token}`;
    await guest.clone(id, { ...request, token: mine });
    const state = await lab.until(
      ({ jobs: { clone } }) => clone?.token === mine && clone.state !== 'Running',
    );
    return { ...state.jobs.clone, repository: state.repository };
  };
  const git = async (command: string) =>
    (await lab.sh(`cd ~/workspace && git ${command}`, 'dev')).stdout.trim();
  const everywhere = (needle: string) =>
    lab.sh(
      `grep -rlF -- '${needle}' /home /opt /var/log /etc /tmp /root /run --exclude-dir=proc 2>/dev/null`,
    );

  t.test('the default branch is cloned as the user, and told', async t => {
    const { state, repository } = await clone({ url: open });
    t.equal(state, 'Succeeded');
    t.strictSame(repository, { url: open, commit: made.main, branch: 'main', dirty: false });
    t.equal(
      (await lab.sh('stat -c %U /home/dev/workspace/file /home/dev/workspace/.git')).stdout,
      'dev\ndev\n',
    );
    t.equal(await git('status --porcelain --branch'), '## main...origin/main');
    t.equal(await git('remote'), 'origin');
    await clone({ url: open, upstream: closed, author: { name: "Ann O'Hara", email: 'ann@example.com' } });
    t.equal(await git('remote get-url upstream'), closed);
    t.equal(await git('config --local user.name'), "Ann O'Hara");
    t.equal(await git('config --local user.email'), 'ann@example.com');
  });

  t.test('a branch, a tag, a commit and any other ref are checked out', async t => {
    const rows: [string, string, string][] = [
      ['side/one', made.side, 'side/one'],
      ['refs/heads/side/one', made.side, 'side/one'],
      ['v1', made.first, ''],
      [made.first, made.first, ''],
      [made.first.slice(0, 10), made.first, ''],
      ['refs/pull/1/head', made.pull, ''],
      [made.pull, made.pull, ''],
    ];
    for (const [ref, commit, branch] of rows) {
      const { state, repository } = await clone({ url: open, ref });
      t.strictSame(
        { state, repository },
        { state: 'Succeeded', repository: { url: open, commit, branch, dirty: false } },
        ref,
      );
    }
  });

  t.test(
    'a ref that is not there, a server that is not there and a folder in use are told apart',
    async t => {
      t.match(await clone({ url: open, ref: 'absent' }), {
        state: 'Failed',
        exitCode: CLONE_EXIT.refNotFound,
      });
      t.match(await clone({ url: open, ref: 'f'.repeat(40) }), {
        state: 'Failed',
        exitCode: CLONE_EXIT.refNotFound,
      });
      for (const url of [
        'http://127.0.0.1:1/a.git',
        'http://absent.invalid/a.git',
        'git://127.0.0.1:1/a',
        'ssh://git@127.0.0.1:1/a',
      ])
        t.match(await clone({ url }), { state: 'Failed', exitCode: CLONE_EXIT.unreachable }, url);
      t.match(await clone({ url: `${base}/absent.git` }), {
        state: 'Failed',
        exitCode: CLONE_EXIT.failed,
        tail: /not found/,
      });
      await lab.sh('mkdir /home/dev/workspace && echo mine >/home/dev/workspace/notes');
      t.match(await clone({ url: open }, false), { state: 'Failed', exitCode: CLONE_EXIT.notEmpty });
      t.equal((await lab.sh('cat /home/dev/workspace/notes')).stdout, 'mine\n');
    },
  );

  t.test('a private repository wants credentials', async t => {
    t.match(await clone({ url: closed }), { state: 'Failed', exitCode: CLONE_EXIT.authentication });
    await setLogin({ ...login, password: 'wrong' });
    t.match(await clone({ url: closed }), { state: 'Failed', exitCode: CLONE_EXIT.authentication });
    await setLogin(login);
    t.match(await clone({ url: closed }), {
      state: 'Succeeded',
      repository: { url: closed, commit: made.main },
    });
    t.equal((await everywhere(server.password)).stdout.trim(), IN_MEMORY);
  });

  t.test('who works in it pushes with the login as it is now, and to that host alone', async t => {
    const commit = 'git -c user.name=a -c user.email=b commit -q --allow-empty -m more';
    const push = async () =>
      lab.ssh([
        'ssh',
        '-p',
        String(lab.port),
        'dev@127.0.0.1',
        `cd workspace && ${commit} && GIT_TERMINAL_PROMPT=0 git push -q origin HEAD:pushed`,
      ]);
    const pid = (await lab.sh('cat /run/nexus/sshd.pid')).stdout;
    t.match(await push(), { code: 0 }, 'pushes');
    t.equal((await git('rev-parse HEAD origin/pushed')).split('\n').length, 2);
    await setLogin({ ...login, password: 'taken back' });
    t.match(await push(), { code: 128, stderr: /could not read|Authentication failed/ });
    await setLogin({ ...login, origin: 'http://127.0.0.1:8081' });
    t.match(await push(), { code: 128, stderr: /could not read/ });
    await setLogin(login);
    t.match(await push(), { code: 0 }, 'pushes again');
    t.equal((await lab.sh('cat /run/nexus/sshd.pid')).stdout, pid, 'nothing was restarted');
    t.equal((await everywhere(server.password)).stdout.trim(), IN_MEMORY);
    await setLogin(undefined);
    t.equal((await everywhere(server.password)).stdout, '');
    t.match(await push(), { code: 128 });
  });

  t.test('submodules are cloned; one that cannot be had, and Git LFS without git-lfs, are told', async t => {
    await publish(dir, 'parts', {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'a.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
    });
    const add = async (name: string, url: string) => {
      const work = join(dir, `with-${name}`);
      const inWork = (...args: string[]) =>
        run('git', ['-C', work, '-c', 'user.name=a', '-c', 'user.email=b', ...args]);
      await run('git', ['clone', '-q', join(dir, 'parts.git'), work]);
      await writeFile(join(work, '.gitmodules'), `[submodule "lib"]\n\tpath = lib\n\turl = ${url}\n`);
      await inWork('update-index', '--add', '--cacheinfo', `160000,${made.main},lib`);
      await inWork('add', '.gitmodules');
      await inWork('commit', '-qm', 'lib');
      await inWork('push', '-q', 'origin', `HEAD:${name}`);
    };
    await add('good', '../shop.git');
    await add('bad', '../private/shop.git');
    const good = await clone({ url: `${base}/parts.git`, ref: 'good' });
    t.match(good, { state: 'Succeeded', repository: { dirty: false, lacks: ['git-lfs'] } });
    t.match(await git('submodule status'), `${made.main} lib`);
    t.match(await git('show HEAD:a.bin'), 'size 1');
    const bad = await clone({ url: `${base}/parts.git`, ref: 'bad' });
    t.match(bad, { state: 'Succeeded', repository: { lacks: ['git-lfs', 'submodules'] } });
    t.match((await lab.sh('cat /var/log/nexus/clone.log')).stdout, /nexus: submodules are missing/);
    await setLogin(login);
    const healed = await clone({ url: `${base}/parts.git`, ref: 'bad' });
    t.strictSame(healed.repository?.lacks, ['git-lfs'], 'the login is for submodules of that host too');
    await setLogin(undefined);
  });

  t.test(
    'credentials are seen in no process and in no file but in memory while it runs, nor kept by helpers',
    async t => {
      await lab.sh('git config --global credential.helper store', 'dev');
      await lab.sh(`git config --global credential.${base}.helper store`, 'dev');
      let go = () => {};
      server.hold = new Promise(resolve => {
        go = resolve;
      });
      server.requests.length = 0;
      await lab.sh('rm -rf /home/dev/workspace');
      await setLogin(login);
      await guest.clone(id, { url: closed, token: 'held' });
      while (server.requests.length < 2) await lab.sh('sleep 0.05');
      const processes = await lab.sh(
        `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; cat $p/environ; done 2>/dev/null`,
        'dev',
      );
      t.match(processes.stdout, 'git-remote-http');
      t.notMatch(processes.stdout, 'needle');
      const files = (await everywhere(server.password)).stdout.trim();
      t.equal(files, IN_MEMORY);
      go();
      server.hold = undefined;
      await lab.until(({ jobs: { clone } }) => clone?.state === 'Succeeded');
      t.equal((await everywhere(server.password)).stdout.trim(), IN_MEMORY);
      await lab.sh('rm -f ~/.gitconfig ~/.git-credentials', 'dev');
    },
  );

  t.test('a login in a URL is taken out of it', async t => {
    await setLogin(undefined);
    const url = closed.replace('//', `//ada:${encodeURIComponent(server.password)}@`);
    await setLogin(splitLogin(url).login);
    const { state, repository } = await clone({ url });
    t.equal(state, 'Succeeded');
    t.equal(repository?.url, closed);
    t.equal((await everywhere(server.password)).stdout.trim(), IN_MEMORY);
    await setLogin(undefined);
  });

  t.test('a repository over ssh wants the key', async t => {
    await lab.sh(`mkdir -p /srv && su dev -c 'git clone -q --bare ${open} /home/dev/bare.git'`);
    const url = 'dev@127.0.0.1:bare.git';
    t.match(await clone({ url }), { state: 'Failed', exitCode: CLONE_EXIT.authentication });
    const sshKey = (await key('other')).trimEnd();
    await setLogin({ origin: '', username: '', password: '', sshKey: `${sshKey}\n` });
    t.match(await clone({ url }), { state: 'Succeeded', repository: { url, commit: made.main } });
    t.equal((await everywhere(sshKey.split('\n')[2] ?? '?')).stdout.trim(), '/run/nexus/git-key');
    t.match(await git('push -q origin HEAD:by-key; echo $?'), /^0$/m);
    await setLogin(undefined);
    t.match(await git('push -q origin HEAD:by-none 2>&1; echo $?'), /^128$/m);
  });

  t.test('a working tree that is there is success and left alone', async t => {
    await lab.sh('echo changed >/home/dev/workspace/file');
    t.match(await clone({ url: open, ref: 'v1' }, false), { state: 'Succeeded' });
    t.equal((await lab.sh('cat /home/dev/workspace/file')).stdout, 'changed\n');
  });

  t.test('changes, unpushed commits and another branch are noticed', async () => {
    await clone({ url: open });
    const as = 'cd ~/workspace && git -c user.name=a -c user.email=b';
    await lab.sh(`${as} checkout -qb topic`, 'dev');
    await lab.until(({ repository }) => repository?.branch === 'topic' && !repository.dirty);
    await lab.sh(`${as} commit -q --allow-empty -m more`, 'dev');
    await lab.until(({ repository }) => repository?.dirty === true);
    await lab.sh('rm -rf /home/dev/workspace');
    await lab.until(({ repository }) => repository === undefined);
  });

  t.test('a clone that is killed has failed, and the next one starts over', async t => {
    let go = () => {};
    server.hold = new Promise(resolve => {
      go = resolve;
    });
    await lab.sh('mkdir /home/dev/.nexus-clone && echo half >/home/dev/.nexus-clone/file');
    await guest.clone(id, { url: open, token: 'killed' });
    await lab.until(({ jobs: { clone } }) => clone?.token === 'killed' && clone.state === 'Running');
    const comes = 'head -c 12M /dev/zero >/home/dev/.nexus-clone/.git/objects/pack/tmp_pack_x';
    await until(async () => (await lab.sh(comes)).code === 0, {
      timeoutMs: 20_000,
      what: () => 'its folder',
    });
    await lab.until(({ jobs: { clone } }) => clone?.receivedMiB === 12);
    await lab.sh('kill -9 $(cut -d" " -f1 /run/nexus/jobs/clone/pid)');
    await lab.until(({ jobs: { clone } }) => clone?.state === 'Failed');
    await until(async () => (await lab.sh('pgrep -f "git.*[c]lone" || true')).stdout === '', {
      timeoutMs: 20_000,
      what: () => 'its git to be ended too',
    });
    go();
    server.hold = undefined;
    t.match(await clone({ url: open }), {
      state: 'Succeeded',
      repository: { commit: made.main, dirty: false },
    });
    t.equal((await lab.sh('ls -A /home/dev | grep nexus')).stdout, '');
  });

  t.test('a transfer that stalls is given up in time', async t => {
    let go = () => {};
    server.hold = new Promise(resolve => {
      go = resolve;
    });
    const impatient = createScriptGuest({
      driver: lab.node.driver,
      clock: systemClock,
      log: silentLogger,
      cloneTimeoutSeconds: 2,
    });
    await lab.sh('rm -rf /home/dev/workspace');
    await impatient.clone(id, { url: open, token: 'stalled' });
    const { jobs } = await lab.until(
      ({ jobs: { clone } }) => clone?.token === 'stalled' && clone.state === 'Failed',
    );
    t.match(jobs.clone, { exitCode: CLONE_EXIT.unreachable, tail: /ended after 2 seconds/ });
    go();
    server.hold = undefined;
  });
}
