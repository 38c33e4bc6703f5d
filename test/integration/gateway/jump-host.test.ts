import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { NODE, USER, WORKSPACE } from '../../../crds/kinds.ts';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { freePorts } from '../../support/ports.ts';
import { noSshd } from '../../support/sshd.ts';
import { until } from '../../support/until.ts';

const skip = noSshd();
const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');

t.test('the real ssh reaches a workspace through the gateway, end to end', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected } = await lab.uplink();
  await connected();
  const alice = lab.ssh({ key: KEYS.alice });

  await t.test('by its full name, and by its own name in the namespace of the user', async t => {
    for (const name of ['shop.alice', 'shop']) {
      const { code, stdout, stderr } = await alice.ssh([name, 'echo here; cat'], 'and back');
      t.same({ code, stdout, stderr }, { code: 0, stdout: 'here\nand back', stderr: '' });
    }
    const closed = await lab.untilLogged('a channel was closed', { user: 'alice', workspace: 'shop' });
    t.match(JSON.parse(closed), { namespace: 'alice', from: '127.0.0.1', why: String, seconds: Number });
    t.ok(JSON.parse(closed).bytesIn > 500 && JSON.parse(closed).bytesOut > 500);
  });

  await t.test('with -W, as VS Code and ProxyCommand do', async t => {
    const proxy = `ProxyCommand=ssh -F ${alice.config} -W %h:22 gateway`;
    const { code, stdout } = await alice.ssh([
      '-o',
      'ProxyJump=none',
      '-o',
      proxy,
      'shop.alice',
      'echo here',
    ]);
    t.same({ code, stdout }, { code: 0, stdout: 'here\n' });
  });

  await t.test('scp, sftp and rsync carry files both ways unchanged', async t => {
    const from = join(lab.dir, 'from');
    mkdirSync(from);
    const data = randomBytes(3_000_001);
    writeFileSync(join(from, 'blob'), data);
    const far = (name: string) => join(lab.dir, name);
    const ok = async (program: string, args: string[], input?: string) => {
      const { code, stderr } = await alice.run(program, args, input);
      t.equal(code, 0, `${program}: ${stderr}`);
    };
    await ok('scp', ['-F', alice.config, '-q', join(from, 'blob'), `shop.alice:${far('scp')}`]);
    await ok('scp', ['-F', alice.config, '-q', `shop.alice:${far('scp')}`, far('back')]);
    await ok(
      'sftp',
      ['-F', alice.config, '-b', '-', 'shop.alice'],
      `put ${join(from, 'blob')} ${far('sftp')}\n`,
    );
    await ok('rsync', ['-a', '-e', `ssh -F ${alice.config}`, `${from}/`, `shop.alice:${far('rsync')}/`]);
    for (const name of ['scp', 'back', 'sftp', 'rsync/blob'])
      t.equal(digest(readFileSync(far(name))), digest(data), name);
  });

  await t.test('-L, -R and -A work, as they do without a gateway', async t => {
    const echo = createServer(socket => socket.on('error', () => {}).pipe(socket));
    t.teardown(() => echo.close());
    const [port = 0, local = 0] = await freePorts(2);
    await new Promise<void>(resolve => echo.listen(port, '127.0.0.1', resolve));
    const ask = (at: number) => `exec 3<>/dev/tcp/127.0.0.1/${at}; echo hello >&3; head -1 <&3`;
    const back = await alice.ssh(['-R', `0:127.0.0.1:${port}`, '-v', 'shop.alice', 'sleep 0'], '');
    const remote = /Allocated port (\d+)/.exec(back.stderr)?.[1];
    t.ok(remote, 'a port there leads back here');
    const forward = spawn('ssh', [
      '-F',
      alice.config,
      '-N',
      '-L',
      `${local}:127.0.0.1:${port}`,
      'shop.alice',
    ]);
    t.teardown(() => forward.kill());
    await until(async () => (await alice.run('bash', ['-c', ask(local)])).stdout === 'hello\n', {
      timeoutMs: 10_000,
      what: () => 'the forward to answer',
    });
    const agent = await alice.run('ssh-agent', [
      'bash',
      '-c',
      `ssh-add -q ${alice.config.replace('config', 'key')} && ssh -F ${alice.config} -o IdentityAgent=SSH_AUTH_SOCK -A shop.alice ssh-add -l`,
    ]);
    t.match(agent.stdout, /ED25519/);
  });

  await t.test('what is rekeyed on the way arrives whole', async t => {
    const { code, stdout } = await alice.run('bash', [
      '-c',
      `head -c 5000000 /dev/zero | ssh -F ${alice.config} -o RekeyLimit=1M -J none -o ProxyCommand='ssh -F ${alice.config} -o RekeyLimit=1M -W %h:22 gateway' shop.alice 'sha256sum'`,
    ]);
    t.same({ code, sum: stdout.slice(0, 64) }, { code: 0, sum: digest(Buffer.alloc(5_000_000)) });
  });

  await t.test('a ControlMaster opens many sessions over one connection', async t => {
    const control = [
      '-o',
      `ControlPath=${join(lab.dir, 'cm')}`,
      '-o',
      'ControlMaster=auto',
      '-o',
      'ControlPersist=20',
    ];
    await alice.ssh([...control, 'shop.alice', 'true']);
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, i) => alice.ssh([...control, 'shop.alice', `echo ${i}`])),
    );
    t.same(
      all.map(({ stdout }) => stdout.trim()),
      ['0', '1', '2', '3', '4', '5', '6', '7'],
    );
    await alice.ssh([...control, '-O', 'exit', 'shop.alice']);
  });
});

t.test('whoever asks for something else is told why not', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected } = await lab.uplink();
  await connected();
  const alice = lab.ssh({ key: KEYS.alice });
  const refused = async (args: string[], words: RegExp, reason: string) => {
    const { code, stderr } = await alice.ssh(args);
    t.not(code, 0, args.join(' '));
    t.match(stderr, words, args.join(' '));
    await lab.untilLogged('a channel was refused', { reason });
  };
  await refused(['mail.bob'], /alice may not open SSH connections to workspace bob\/mail/, 'Forbidden');
  const to = (target: string) => ['-W', target, 'gateway'];
  await refused(to('other.alice:22'), /there is no workspace alice\/other/, 'NoWorkspace');
  await refused(to('shop.alice:5432'), /leads to port 22 of <workspace>\.<namespace> alone/, 'NotAWorkspace');
  for (const host of ['127.0.0.1', '169.254.169.254', '[::1]', 'n1.example.com'])
    await refused(to(`${host}:22`), /leads to port 22/, 'NotAWorkspace');
  await refused(to('localhost:22'), /there is no workspace alice\/localhost/, 'NoWorkspace');
  await refused(['gateway'], /has no shell/, 'NoShell');
  await refused(['-tt', 'gateway'], /has no shell/, 'NoShell');
  await refused(['gateway', 'id'], /Use it as a jump host/, 'NoShell');
  await refused(
    ['-N', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:22', 'gateway'],
    /forwarding failed/,
    'NoForward',
  );
  const sftp = await alice.run('sftp', ['-F', alice.config, '-b', '-', 'gateway'], 'ls\n');
  t.match({ code: sftp.code, stderr: sftp.stderr }, { code: 255, stderr: /has no shell/ });
  t.match(await lab.metrics.text(), /nexus_gateway_refusals_total\{reason="Forbidden"\} [1-9]/);
});

t.test('a workspace that cannot be reached says why', { skip }, async t => {
  const lab = await gatewayLab(t);
  const alice = lab.ssh({ key: KEYS.alice });
  const why = async () => (await alice.ssh(['shop.alice', 'true'])).stderr;
  t.match(await why(), /its node n1 is not connected to the gateway/);
  const first = await lab.uplink({
    locate() {
      throw new Error('its container is not running');
    },
  });
  await first.connected();
  t.match(await why(), /its node n1 cannot reach it: its container is not running/);
  await lab.client.patch(WORKSPACE, { name: 'shop', namespace: 'alice' }, 'merge', {
    spec: { running: false },
  });
  t.match(await why(), /workspace alice\/shop is stopped: nexus start shop/);
});

t.test('nobody comes in without a key that is known', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected } = await lab.uplink();
  await connected();
  const stranger = await lab.ssh({ key: KEYS.stranger }).ssh(['shop.alice', 'true']);
  t.match(stranger.stderr, /Permission denied \(publickey\)/);
  await lab.untilLogged('a login was refused', { why: 'UnknownKey' });

  await t.test('a key of several is the one whose name is given, and nobody else', async t => {
    const { publicKey } = KEYS.stranger;
    await lab.client.patch(USER, { name: 'alice' }, 'merge', {
      spec: { sshKeys: [{ name: 'shared', key: publicKey }] },
    });
    await lab.client.create(NODE, {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Node',
      metadata: { name: 'n2' },
      spec: { agentKeys: [publicKey] },
    });
    const as = (user: string) => lab.ssh({ key: KEYS.stranger, user }).ssh(['shop.alice', 'echo in']);
    await until(async () => (await as('alice')).stdout === 'in\n', {
      timeoutMs: 10_000,
      what: () => 'the key to be known',
    });
    t.match((await as('n2')).stderr, /an agent may open \d+ channels, to api:443/);
    t.match((await as('carol')).stderr, /Permission denied/);
    await lab.untilLogged('a login was refused', { why: 'AmbiguousKey' });
  });
});

t.test('a workspace or a gateway with another host key is not talked to', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected, close } = await lab.uplink();
  await connected();
  const forgedGateway = await lab
    .ssh({ key: KEYS.alice, gatewayKey: KEYS.stranger })
    .ssh(['shop.alice', 'true']);
  t.match(forgedGateway.stderr, /HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  const forged = await lab.ssh({ key: KEYS.alice, workspaceKey: KEYS.stranger }).ssh(['shop.alice', 'true']);
  t.match(forged.stderr, /HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  await close();
  const deceived = await lab.uplink({ hostKeys: [KEYS.stranger.publicKey] });
  await lab.untilLogged('the gateway was not reached', {
    why: `the gateway 127.0.0.1:${lab.port} answers with another host key`,
  });
  t.notOk(deceived.uplink.isConnected, 'an agent does not show its key to a gateway that it does not know');
});

t.test('who loses a right or a key loses what is open', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected, uplink } = await lab.uplink();
  await connected();
  const session = async (who: 'alice' | 'bob', workspace: string) => {
    const { config } = lab.ssh({ key: KEYS[who] });
    const child = spawn('ssh', ['-F', config, workspace, 'echo open; cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.teardown(() => child.kill());
    let said = '';
    child.stdout.on('data', data => {
      said += data;
    });
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
    await until(() => said.includes('open'), { timeoutMs: 10_000, what: () => `a session of ${who}` });
    return { ended, isOpen: () => child.exitCode === null };
  };
  const alice = await session('alice', 'shop.alice');
  const bob = await session('bob', 'mail.bob');
  await lab.client.patch(USER, { name: 'alice' }, 'merge', { spec: { suspended: true } });
  t.not(await alice.ended, 0);
  t.ok(bob.isOpen());
  await lab.untilLogged('the key was revoked; its connection is cut', { name: 'alice' });
  const again = await lab.ssh({ key: KEYS.alice }).ssh(['shop.alice', 'true']);
  t.match(again.stderr, /Permission denied/);

  await lab.client.patch(NODE, { name: 'n1' }, 'merge', { spec: { agentKeys: [] } });
  t.not(await bob.ended, 0);
  await until(() => !uplink.isConnected, { timeoutMs: 15_000, what: () => 'the uplink to be cut' });
  await lab.untilLogged('the gateway was not reached', {
    why: `the gateway 127.0.0.1:${lab.port} refused the login`,
  });
});
