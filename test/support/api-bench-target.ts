import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { rssMiB } from '../bench/process-figures.ts';
import { startApiProcess } from './api-process.ts';

/** An API server to measure, and how to reach it. */
export interface Target {
  readonly server: string;
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;
  readonly headers: Record<string, string>;
  /** Processor time of the server so far, all its threads, in ms; undefined for a server that is not ours. */
  cpuMs?(): number;
  /** Resident memory of the server's processes now; undefined when they are not known. */
  rssMiB?(): number;
  close(): Promise<void>;
}

const TICKS_PER_SECOND = 100;

/** From /proc: user and system time. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Our own server over the durable store, in a process and a folder of its own. */
export async function ownTarget(args: string[] = []): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-bench-api-'));
  const server = await startApiProcess({ folder, nodeOptions: args });
  return {
    server: server.url,
    tls: { ca: server.ca },
    headers: { authorization: `Bearer ${server.token}` },
    cpuMs: () => cpuMsOf(server.pid),
    rssMiB: () => rssMiB(server),
    async close() {
      await server.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The server of a kubeconfig's current context, and the processes that it is. Its definitions must be installed. */
export async function otherTarget(kubeconfig: string, pids: readonly number[] = []): Promise<Target> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, headers } = options;
  const server = config.getCurrentCluster()?.server;
  if (!server) throw new Error(`${kubeconfig} has no current context with a server`);
  return {
    server,
    tls: { ca, cert, key, rejectUnauthorized },
    headers: (headers ?? {}) as Record<string, string>,
    ...(pids.length > 0 && { rssMiB: () => pids.reduce((sum, pid) => sum + rssMiB({ pid }), 0) }),
    async close() {},
  };
}

/** One client with one connection, kept open. */
export class BenchClient {
  readonly target: Target;
  readonly #agent: Agent;

  constructor(target: Target) {
    this.target = target;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ...target.tls });
  }

  /** The text of the answer. Throws when it is not 2xx. */
  async call(method: string, path: string, body?: object, type = 'application/json'): Promise<string> {
    const response = await this.open(method, path, body, type);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if ((response.statusCode ?? 500) >= 300)
      throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return text;
  }

  open(method: string, path: string, body?: object, type = 'application/json'): Promise<IncomingMessage> {
    const payload = body && JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { ...this.target.headers };
      if (payload) {
        headers['content-type'] = type;
        headers['content-length'] = String(Buffer.byteLength(payload));
      }
      const call = request(`${this.target.server}${path}`, { method, agent: this.#agent, headers }, resolve);
      call.once('error', reject);
      call.end(payload);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
