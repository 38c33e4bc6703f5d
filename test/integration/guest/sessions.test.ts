import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { until } from '../../support/until.ts';
import { openLab } from './lab.ts';

const odd = {
  PLAIN: 'x',
  SPACED: `a  b "c" 'd' $HOME \`id\` \\ ; & # !`,
  LINES: 'one\ntwo\n\n',
  UMLAUT: 'ä€😀',
  EMPTY: '',
  LEADING: ' -n ',
};

t.setTimeout(300_000);

const lab = await openLab(t, { desired: { env: odd } });
if (lab) {
  const target = 'dev@127.0.0.1';
  const port = String(lab.port);
  const login = (command: string, options = {}) => lab.ssh(['ssh', '-p', port, target, command], options);
  await lab.configure();

  t.test('the user logs in with the declared key, against the published host key', async t => {
    const { code, stdout } = await login('id -u; sudo -n id -u; pwd; echo "$SHELL"');
    t.equal(code, 0);
    t.strictSame(stdout.trim().split('\n'), ['1000', '0', '/home/dev', '/bin/bash']);
  });

  t.test('another key, root and passwords are refused', async t => {
    t.equal((await login('true', { key: 'other' })).code, 255);
    t.equal((await lab.ssh(['ssh', '-p', port, 'root@127.0.0.1', 'true'])).code, 255);
    const { stderr } = await lab.ssh(['ssh', '-o', 'PubkeyAuthentication=no', '-p', port, target, 'true']);
    t.match(stderr, /Permission denied \(publickey\)/);
  });

  t.test('a session has the environment, whatever characters are in it', async t => {
    for (const [name, value] of Object.entries(odd)) {
      const { stdout } = await login(`printf '%s.' "$${name}"`);
      t.equal(stdout, `${value}.`, name);
    }
  });

  t.test('a login shell without a command has it too, and is one', async t => {
    const { stdout } = await lab.ssh(['ssh', '-T', '-p', port, target], {
      input: 'shopt -q login_shell && echo "login $PLAIN"\n',
    });
    t.match(stdout, /login x/);
  });

  t.test('a changed environment is that of the next session, without a restart of sshd', async t => {
    const before = (await lab.sh('cat /run/nexus/sshd.pid')).stdout;
    await lab.configure({ env: { ...odd, PLAIN: 'y' } });
    t.equal((await login('echo "$PLAIN"')).stdout, 'y\n');
    t.equal((await lab.sh('cat /run/nexus/sshd.pid')).stdout, before);
  });

  t.test('scp, sftp and rsync carry files both ways', async t => {
    const [from, back] = [join(lab.dir, 'from'), join(lab.dir, 'back')];
    const content = 'some\ncontent\n'.repeat(10_000);
    await writeFile(from, content);
    const copies: [string, string[], string[]][] = [
      ['scp', ['scp', '-P', port, from, `${target}:a`], ['scp', '-P', port, `${target}:a`, back]],
      [
        'scp -O',
        ['scp', '-O', '-P', port, from, `${target}:b`],
        ['scp', '-O', '-P', port, `${target}:b`, back],
      ],
    ];
    for (const [name, there, again] of copies) {
      t.equal((await lab.ssh(there)).code, 0, name);
      t.equal((await lab.ssh(again)).code, 0, name);
      t.equal(await readFile(back, 'utf8'), content, name);
    }
    const sftp = await lab.ssh(['sftp', '-b', '-', '-P', port, target], {
      input: `put ${from} c\nget c ${back}\n`,
    });
    t.equal(sftp.code, 0, 'sftp');
    const shell = ['ssh', ...lab.sshOptions(), '-p', port].join(' ');
    t.equal((await lab.ssh(['rsync', '-e', shell, '-a', from, `${target}:d`])).code, 0, 'rsync');
    t.equal((await lab.sh('cd /home/dev && cmp a b && cmp a c && cmp a d && stat -c %U d')).stdout, 'dev\n');
  });

  t.test('people forward ports, the agent only to the loopback and without a shell', async t => {
    const echo = createServer(socket => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    t.teardown(() => echo.close());
    const local = (echo.address() as { port: number }).port;
    // -W asks sshd to connect to its own port: the banner tells that it did.
    const banner = async (key: string, to: string) => {
      const { stdout } = await lab.ssh(['ssh', '-W', to, '-p', port, target], { key });
      return stdout.startsWith('SSH-2.0');
    };
    t.equal(await banner('user', '127.0.0.1:22'), true);
    t.equal(await banner('agent', '127.0.0.1:22'), true);
    t.equal(await banner('agent', 'localhost:22'), true);
    const address = (await lab.sh('hostname -i')).stdout.trim().split(' ')[0];
    t.equal(await banner('user', `${address}:22`), true);
    t.equal(await banner('agent', `${address}:22`), false);
    t.not((await login('echo hi', { key: 'agent' })).stdout, 'hi\n');
    const refused = await lab.ssh(
      [
        'ssh',
        '-o',
        'ExitOnForwardFailure=yes',
        '-R',
        `127.0.0.1:0:127.0.0.1:${local}`,
        '-N',
        '-p',
        port,
        target,
      ],
      { key: 'agent' },
    );
    t.equal(refused.code, 255);
  });

  t.test(
    'changed keys hold from the next login on, and the open session of one that stays goes on',
    async t => {
      const [user, other] = await Promise.all(
        ['user.pub', 'other.pub'].map(name => readFile(join(lab.dir, name), 'utf8')),
      );
      const session = lab.session(['cat']);
      const lines = createInterface({ input: session.stdout! })[Symbol.asyncIterator]();
      const echo = async (line: string) => {
        session.stdin?.write(`${line}\n`);
        return (await lines.next()).value;
      };
      t.equal(await echo('before'), 'before');
      const before = (await lab.sh('cat /run/nexus/sshd.pid')).stdout;
      await lab.configure({ authorizedKeys: [user!, other!] });
      t.equal((await login('true', { key: 'other' })).code, 0);
      t.equal(await echo('more'), 'more');
      await lab.configure({ authorizedKeys: [user!] });
      t.equal((await login('true', { key: 'other' })).code, 255);
      t.equal(await echo('less'), 'less');
      t.equal((await lab.sh('cat /run/nexus/sshd.pid')).stdout, before);

      await t.test('as it does when sshd is killed, which is back at once', async t => {
        await lab.sh('kill -9 $(cat /run/nexus/sshd.pid)');
        const state = await lab.until(state => state.sshd.restarts === 1 && state.sshd.running);
        t.equal(state.sshd.restarts, 1);
        t.equal((await login('echo back')).stdout, 'back\n');
        t.equal(await echo('still'), 'still');
      });

      await t.test('and when its host key changes, which the next login sees', async t => {
        const fresh = await readFile(join(lab.dir, 'other'), 'utf8');
        const own = lab.desired.hostKey;
        await lab.configure({ hostKey: fresh });
        t.equal((await login('true')).code, 255);
        t.equal(await echo('yet'), 'yet');
        await lab.configure({ hostKey: own });
        t.equal((await login('true')).code, 0);
      });

      await t.test('until its own key is removed, as does one that has no shell', async t => {
        const known = async () => (await lab.sh('ls /run/nexus/logins')).stdout.split('\n');
        const before = new Set(await known());
        const silent = lab.session(['-N']);
        // Not counted: those that are over are forgotten at any time.
        await until(async () => (await known()).some(pid => !before.has(pid)), {
          timeoutMs: 10_000,
          what: () => 'the connection to be known',
        });
        const ended = Promise.all([once(session, 'exit'), once(silent, 'exit')]);
        await lab.configure({ authorizedKeys: [other!] });
        t.strictSame(await ended, [
          [255, null],
          [255, null],
        ]);
        t.equal((await login('true')).code, 255);
        await lab.configure({ authorizedKeys: [user!] });
        t.equal((await login('true')).code, 0);
      });
    },
  );

  t.test('a shell chosen with chsh is kept, and sessions have the environment in it', async t => {
    await lab.sh('usermod -s /bin/dash dev');
    await lab.until(() => true);
    for (let i = 0; i < 100; i++) {
      const { stdout } = await lab.sh('grep ^dev: /etc/passwd');
      if (stdout.includes('/opt/nexus/shell')) break;
      await lab.sh('sleep 0.1');
    }
    t.equal((await login('echo "$SHELL $PLAIN"')).stdout, '/bin/dash y\n');
    await lab.sh('rm /opt/nexus/etc/shell');
  });

  t.test('an edited file of keys is seen and put back', async t => {
    const path = lab.config.keys[0]?.path ?? '';
    const before = (await lab.guest.state(lab.id)).files[path];
    await lab.sh(`echo >> ${path}`);
    const edited = await lab.until(state => state.files[path] !== before);
    t.ok(edited.files[path]);
    await lab.sh(`rm ${path}`);
    await lab.until(state => state.files[path] === undefined);
    await lab.configure();
    t.equal((await lab.guest.state(lab.id)).files[path], before);
    t.equal((await login('true')).code, 0);
  });

  t.test('a version of sshd that cannot say who logs in gets its keys by a command', async t => {
    const [user, other] = await Promise.all(
      ['user.pub', 'other.pub'].map(name => readFile(join(lab.dir, name), 'utf8')),
    );
    const { restarts } = (await lab.guest.state(lab.id)).sshd;
    const old = await lab.sh(
      'LC_ALL=C sed -i s/logverbose/logverbosX/ "$(command -v sshd)" && kill -9 $(cat /run/nexus/sshd.pid)',
    );
    t.equal(old.code, 0, old.stderr);
    await lab.until(({ sshd }) => sshd.restarts > restarts && sshd.running);
    const session = lab.session(['cat']);
    const lines = createInterface({ input: session.stdout! })[Symbol.asyncIterator]();
    session.stdin?.write('here\n');
    t.equal((await lines.next()).value, 'here');
    await lab.configure({ authorizedKeys: [user!, other!] });
    session.stdin?.write('still here\n');
    t.equal((await lines.next()).value, 'still here');
    const ended = once(session, 'exit');
    await lab.configure({ authorizedKeys: [other!] });
    t.strictSame(await ended, [255, null]);
    t.equal((await login('true')).code, 255);
    await lab.configure({ authorizedKeys: [user!] });
    t.equal((await login('true')).code, 0);
  });

  t.test('the port speaks before anything is asked, and says what it is', async t => {
    const socket = connect(lab.port, '127.0.0.1');
    const banner = text(socket);
    socket.end('SSH-2.0-test\r\n');
    t.match(await banner, /^SSH-2\.0-OpenSSH/);
  });
}
