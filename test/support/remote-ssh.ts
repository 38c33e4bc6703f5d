import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { freePorts } from './ports.ts';
import { within } from './until.ts';

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

export interface RemoteSshOptions {
  /** Options of ssh, and the host. */
  args: string[];
  /** Shell lines that see to a server which echoes on the other side's loopback, and print `listeningOn==PORT==`. */
  echo: string;
}

/**
 * What VS Code's Remote-SSH does: a script by standard input, then the server that it installed reached by a dynamic forward,
 * with many channels over one long connection. Asserts that each of it works.
 */
export async function remoteSsh(t: Test, { args, echo }: RemoteSshOptions): Promise<void> {
  const [proxy = 0] = await freePorts(1);
  const options = ['-T', '-D', String(proxy), '-o', 'ConnectTimeout=15'];
  const ssh = spawn('ssh', [...options, ...args, 'bash'], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => ssh.kill());
  let printed = '';
  let said = '';
  ssh.stdout.on('data', chunk => {
    printed += chunk;
  });
  ssh.stderr.on('data', chunk => {
    said += chunk;
  });
  const ended = once(ssh, 'exit').then(([code]) => code as number | null);
  const untilPrinted = async (what: RegExp) => {
    while (!what.test(printed)) {
      const over = await Promise.race([once(ssh.stdout, 'data').then(() => false), ended.then(() => true)]);
      if (over && !what.test(printed)) throw new Error(`ssh ended: ${printed}${said}`);
    }
    return what.exec(printed)?.[1];
  };
  ssh.stdin.write(`uname -s\n${echo}\n`);
  const port = Number(await untilPrinted(/listeningOn==(\d+)==/));
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
  idle.destroy();
  ssh.stdin.end();
  t.equal(await within(ended, { timeoutMs: 60_000, what: () => 'ssh to end' }), 0);
}
