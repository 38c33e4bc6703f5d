import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { freePorts } from '../../support/ports.ts';
import { noSshd } from '../../support/sshd.ts';

/** A connection by way of `ssh -D`, which speaks SOCKS 5 (RFC 1928), to a port of the workspace's loopback. */
async function socks(proxy: number, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy });
  const answer = async (bytes: number) => {
    let seen = Buffer.alloc(0);
    while (seen.length < bytes) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      seen = Buffer.concat([seen, chunk]);
    }
    return seen;
  };
  await once(socket, 'connect');
  socket.write(Buffer.from([5, 1, 0]));
  await answer(2);
  socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
  const [, status] = await answer(10);
  if (status !== 0) throw new Error(`SOCKS answered ${status}`);
  return socket;
}

/** Sends data and takes as much back. */
async function roundTrip(socket: Socket, data: Buffer): Promise<Buffer> {
  const back: Buffer[] = [];
  let length = 0;
  const all = new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed')));
    socket.on('data', chunk => {
      back.push(chunk);
      length += chunk.length;
      if (length >= data.length) resolve();
    });
  });
  socket.write(data);
  await all;
  socket.removeAllListeners('data');
  return Buffer.concat(back);
}

t.test(
  'VS Code’s Remote-SSH: a script by stdin, a dynamic forward, and many channels over one long connection',
  { skip: noSshd() },
  async t => {
    const lab = await gatewayLab(t);
    const { connected } = await lab.uplink();
    await connected();
    // In place of the server that the editor installs there.
    const server = createServer(socket => void socket.on('error', () => {}).pipe(socket));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    const [proxy = 0] = await freePorts(1);
    const { config } = lab.ssh({ key: KEYS.alice });
    const args = ['-F', config, '-T', '-D', String(proxy), '-o', 'ConnectTimeout=15', 'shop.alice', 'bash'];
    const ssh = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    t.teardown(() => ssh.kill());
    let printed = '';
    ssh.stdout.on('data', chunk => {
      printed += chunk;
    });
    const untilPrinted = async (what: RegExp) => {
      while (!what.test(printed)) await once(ssh.stdout, 'data');
      return what.exec(printed)?.[1];
    };
    ssh.stdin.write(`uname -s\necho "listeningOn==${port}=="\n`);
    t.equal(await untilPrinted(/listeningOn==(\d+)==/), String(port));
    t.match(printed, /^(Linux|Darwin)\n/);

    const idle = await socks(proxy, port);
    const data = randomBytes(1_000_003);
    const streams = await Promise.all(Array.from({ length: 12 }, () => socks(proxy, port)));
    const all = await Promise.all(streams.map(stream => roundTrip(stream, data)));
    for (const back of all) t.ok(back.equals(data), 'unchanged');
    for (const stream of streams) stream.destroy();
    t.equal((await roundTrip(idle, Buffer.from('ping'))).toString(), 'ping', 'one that was idle meanwhile');
    ssh.stdin.write('echo "still $((40 + 2))"\n');
    await untilPrinted(/(still 42)/);
    t.equal(
      lab.logged('a channel was opened', { user: 'alice' }).length,
      1,
      'end to end, so one for the gateway',
    );
    idle.destroy();
    ssh.stdin.end();
    const [code] = await once(ssh, 'exit');
    t.equal(code, 0);
  },
);
