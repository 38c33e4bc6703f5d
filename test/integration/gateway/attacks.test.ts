import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ROLE_BINDING } from '../../../crds/kinds.ts';
import type { RoleBinding } from '../../../crds/object.ts';
import { type GatewayLab, gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { ssh2User } from '../../support/ssh2-user.ts';
import { noSshd } from '../../support/sshd.ts';
import { until } from '../../support/until.ts';

const skip = noSshd();
const soon = (what: string) => ({ timeoutMs: 10_000, everyMs: 10, what: () => what });

/** A connection to the gateway from an address of the loopback. */
async function from(t: Test, lab: GatewayLab, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: lab.port, localAddress });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const closed = (socket: Socket) => (socket.destroyed ? Promise.resolve([]) : once(socket.resume(), 'close'));
const works = async (lab: GatewayLab) => (await lab.ssh({ key: KEYS.alice }).ssh(['shop', 'echo in'])).stdout;

t.test('garbage is cut off, and the gateway goes on', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected, uplink } = await lab.uplink();
  await connected();
  const packet = (length: number) => {
    const bytes = Buffer.alloc(64, 1);
    bytes.writeUInt32BE(length);
    return bytes;
  };
  const hello = 'SSH-2.0-Evil\r\n';
  const garbage: (string | Buffer)[] = [
    randomBytes(5_000),
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    `SSH-1.5-old\r\n`,
    'x'.repeat(70_000),
    Buffer.concat([Buffer.from(hello), packet(0xffffffff)]),
    Buffer.concat([Buffer.from(hello), packet(2 ** 31)]),
    Buffer.concat([Buffer.from(hello), packet(12), randomBytes(200_000)]),
    Buffer.concat([Buffer.from(hello), packet(0)]),
  ];
  for (const bytes of garbage) {
    const socket = await from(t, lab, '127.0.0.9');
    const end = closed(socket);
    socket.write(bytes);
    await end;
  }
  // A server must take some: it is for the client to break it off.
  t.equal(await works(lab), 'in\n');
  t.ok(uplink.isConnected);
  t.match(await lab.metrics.text(), /nexus_gateway_refusals_total\{reason="NoLogin"\} [1-9]/);
});

t.test(
  'connections that never log in are bounded, run out of time, and keep nobody out',
  { skip },
  async t => {
    const lab = await gatewayLab(t, { limits: { maxPending: 8, loginGraceMs: 4_000, maxFailures: 0 } });
    const { connected } = await lab.uplink();
    await connected();
    const begun = performance.now();
    const flood = await Promise.all(Array.from({ length: 4 }, () => from(t, lab, '127.0.0.7')));
    const fifth = await from(t, lab, '127.0.0.7');
    await closed(fifth);
    await lab.untilLogged('a connection was refused', { reason: 'TooManyPending', address: '127.0.0.7' });
    for (let i = 10; i < 60; i++) flood.push(await from(t, lab, `127.0.0.${i}`));
    t.equal(await works(lab), 'in\n', 'who means it gets in');
    await lab.untilLogged('a connection was refused', { reason: 'Evicted' });
    await Promise.all(flood.map(closed));
    await lab.untilLogged('a connection was refused', { reason: 'LoginTimeout' });
    const seconds = Math.ceil((performance.now() - begun) / 1_000);
    t.ok(lab.logged('a connection was refused').length <= 20 + seconds, 'a flood does not fill the log');
  },
);

t.test('who fails again and again has to wait, and nobody else', { skip }, async t => {
  const lab = await gatewayLab(t, { limits: { maxFailures: 3, forgiveMs: 60_000 } });
  const { connected } = await lab.uplink();
  await connected();
  const stranger = lab.ssh({ key: KEYS.stranger });
  const knock = () => stranger.ssh(['-o', 'BindAddress=127.0.0.5', '-W', 'shop.alice:22', 'gateway']);
  for (let i = 0; i < 4; i++) {
    t.match((await knock()).stderr, /Permission denied/);
    const noticed = () => lab.logged('a connection was refused', { reason: 'NoLogin' }).length > i;
    await until(noticed, soon('the gateway to notice the failure'));
  }
  t.notMatch((await knock()).stderr, /Permission denied/);
  await lab.untilLogged('a connection was refused', { reason: 'TooManyFailures', address: '127.0.0.5' });
  const alice = lab.ssh({ key: KEYS.alice });
  const late = await alice.ssh(['-o', 'BindAddress=127.0.0.5', '-W', 'shop.alice:22', 'gateway']);
  t.not(late.code, 0, 'from that address nobody is let in');
  t.equal(await works(lab), 'in\n');
});

t.test('a client that speaks old algorithms alone is not spoken to', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { connected } = await lab.uplink();
  await connected();
  const alice = lab.ssh({ key: KEYS.alice });
  const log = (option: string) => alice.ssh(['-o', option, '-W', 'shop.alice:22', 'gateway']);
  for (const [option, what] of [
    ['Ciphers=aes128-cbc', 'cipher'],
    ['Ciphers=aes256-ctr', 'cipher'],
    ['KexAlgorithms=diffie-hellman-group14-sha1', 'key exchange method'],
    ['KexAlgorithms=diffie-hellman-group-exchange-sha256', 'key exchange method'],
    ['HostKeyAlgorithms=ssh-rsa', 'host key type'],
  ] as const) {
    const { code, stderr } = await log(option);
    t.equal(code, 255, option);
    t.match(stderr, new RegExp(`no matching ${what} found`), option);
  }
  t.equal(await works(lab), 'in\n', 'with those of today it goes on');
});

t.test('passwords of tokens are not guessed', { skip }, async t => {
  const lab = await gatewayLab(t);
  const { run } = lab.ssh({ key: KEYS.stranger });
  const askpass = `${lab.dir}/askpass`;
  await run('bash', ['-c', `printf '#!/bin/sh\necho guess\n' > ${askpass}; chmod +x ${askpass}`]);
  const options = '-o BatchMode=no -o NumberOfPasswordPrompts=9 -o PreferredAuthentications=password';
  const config = lab.ssh({ key: KEYS.stranger }).config;
  const env = `SSH_ASKPASS=${askpass} SSH_ASKPASS_REQUIRE=force`;
  const guess = (user: string) =>
    run('bash', ['-c', `${env} ssh -F ${config} ${options} ${user}@gateway true`]);
  t.not((await guess('join')).code, 0);
  t.equal(
    lab.logged('a login was refused', { why: 'BadToken', user: 'join' }).length,
    3,
    'three, then the end',
  );
  t.match((await guess('root')).stderr, /Permission denied \(publickey\)/);
  t.same(lab.logged('a login was refused', { user: 'root', method: 'password' }), [], 'nobody else has one');
  t.notOk(lab.lines.join('\n').includes('"guess"'));
});

t.test('a connection has so many channels, and a refused one counts no longer', { skip }, async t => {
  const lab = await gatewayLab(t, { limits: { maxChannels: 3 } });
  const { connected } = await lab.uplink();
  await connected();
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  await t.rejects(open('mail.bob'), /may not open/);
  const channels = [await open('shop'), await open('shop'), await open('shop')];
  await t.rejects(open('shop'), /no more than 3 channels/);
  const [first] = channels;
  first?.resume();
  first?.destroy();
  await until(
    async () => (await open('shop').catch(() => undefined)) !== undefined,
    soon('a place to be free'),
  );
});

t.test(
  'a role that is taken away closes what it had opened, and leaves the connection',
  { skip },
  async t => {
    const lab = await gatewayLab(t);
    const { connected } = await lab.uplink();
    await connected();
    const grant: RoleBinding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'guests', namespace: 'bob' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'nexus:member' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'alice' }],
    };
    await lab.client.create(ROLE_BINDING, grant);
    const { open, socket } = await ssh2User(t, lab.port, KEYS.alice);
    const [own, guest] = [await open('shop'), await open('mail.bob')];
    own.resume();
    const ended = once(guest.resume(), 'close');
    await lab.client.delete(ROLE_BINDING, { name: 'guests', namespace: 'bob' });
    await ended;
    await lab.untilLogged('a channel was closed', {
      workspace: 'mail',
      why: 'the right to it was taken away',
    });
    t.notOk(socket.destroyed);
    t.notOk(own.closed || own.readableEnded, 'what she may is still open');
    await t.rejects(open('mail.bob'), /may not open/);
  },
);
