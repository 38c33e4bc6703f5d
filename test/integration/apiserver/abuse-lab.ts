import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import { BenchClient } from '../../support/api-bench-target.ts';
import { type ApiProcess, type ApiProcessOptions, startApiProcess } from '../../support/api-process.ts';
import { CM, configMap } from './lab.ts';

/** For everything the server's own code keeps: beyond it, the process dies. */
const HEAP_MIB = 200;

export interface AbuseLab {
  readonly server: ApiProcess;
  readonly admin: BenchClient;
  client(token: string): BenchClient;
  /** A connection of its own, from somebody who minds no manners. */
  socket(): Promise<TLSSocket>;
  memoryMiB(): number;
  /** That somebody else is served meanwhile, and the process lives. */
  isServed(t: Test, what: string): Promise<void>;
}

/** The real server in a process with little memory, and clients that mean no good. */
export async function startAbuseLab(t: Test, options: Partial<ApiProcessOptions> = {}): Promise<AbuseLab> {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-abuse-'));
  const server = await startApiProcess({
    folder,
    nodeOptions: [`--max-old-space-size=${HEAP_MIB}`],
    ...options,
  });
  const sockets: TLSSocket[] = [];
  const clients: BenchClient[] = [];
  const client = (token: string) => {
    const one = new BenchClient({
      server: server.url,
      tls: { ca: server.ca },
      headers: { authorization: `Bearer ${token}` },
      async close() {},
    });
    clients.push(one);
    return one;
  };
  t.teardown(async () => {
    for (const one of clients) one.close();
    for (const socket of sockets) socket.destroy();
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const other = client(await server.tokenOf('other', ['system:masters']));
  return {
    server,
    admin: client(server.token),
    client,
    async socket() {
      const { hostname: host, port } = new URL(server.url);
      const socket = connect({ host, port: Number(port), ca: server.ca });
      sockets.push(socket);
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      return socket;
    },
    memoryMiB: () => memoryOf(server.pid),
    async isServed(t, what) {
      const began = performance.now();
      await other.call('POST', `${CM}?dryRun=All`, configMap('probe'));
      const ms = Math.round(performance.now() - began);
      t.ok(ms < 15_000, `${what}: others are served in ${ms} ms, in ${Math.round(memoryOf(server.pid))} MiB`);
    },
  };
}

function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** An answer, as soon as its head is there. */
export function open(url: string, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, resolve);
    call.once('error', reject);
    call.end();
  });
}
