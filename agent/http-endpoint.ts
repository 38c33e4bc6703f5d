import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Metrics } from '../controller/kit/metrics.ts';
import { StartError } from '../controller/kit/start-error.ts';

export interface HttpEndpointOptions {
  /** A port (loopback), `host:port`, or the path of a Unix socket. */
  listen: string;
  metrics: Metrics;
  /** Whether the agent works: caches in sync and an engine that answers; else why not. */
  ready: () => string | undefined;
}

export interface HttpEndpoint {
  /** `http://127.0.0.1:1234` or `unix:<path>`. */
  readonly url: string;
  close(): Promise<void>;
}

/** /livez, /readyz, /healthz and /metrics, for whoever is on this machine. Rejects when it cannot listen. */
export async function openHttpEndpoint(options: HttpEndpointOptions): Promise<HttpEndpoint> {
  const server = createServer({ requestTimeout: 5_000, maxHeaderSize: 8_192 }, (request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? '' : text);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'GET it\n');
    switch (request.url?.split('?')[0]) {
      case '/livez':
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const why = options.ready();
        return answer(why ? 503 : 200, `${why ?? 'ok'}\n`);
      }
      case '/metrics':
        options.metrics.text().then(
          text => answer(200, text, options.metrics.contentType),
          () => answer(500, 'the metrics could not be collected\n'),
        );
        return;
      default:
        return answer(404, 'ask for /livez, /readyz or /metrics\n');
    }
  });
  server.maxConnections = 32;
  const url = await listen(server, options.listen);
  server.unref();
  return {
    url,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, where: string): Promise<string> {
  const isSocket = where.includes('/');
  if (isSocket) await mkdir(dirname(where), { recursive: true, mode: 0o700 });
  if (isSocket) await takeSocket(where);
  const [host, port] = where.includes(':') ? splitLast(where) : ['127.0.0.1', where];
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (isSocket) server.listen(where, resolve);
    else server.listen(Number(port), host, resolve);
  });
  if (isSocket) {
    await chmod(where, 0o600);
    return `unix:${where}`;
  }
  const bound = server.address();
  return `http://${host}:${typeof bound === 'object' && bound ? bound.port : port}`;
}

/** A socket file that nobody listens on is what a killed agent left. */
async function takeSocket(path: string): Promise<void> {
  const isAlive = await new Promise<boolean>(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.setTimeout(1_000, () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
  if (isAlive)
    throw new StartError(
      `${path} is in use: another agent runs with this folder; stop it, or give this one another NEXUS_HOME`,
    );
  await rm(path, { force: true });
}

function splitLast(text: string): [string, string] {
  const at = text.lastIndexOf(':');
  return [text.slice(0, at).replace(/^\[|\]$/g, ''), text.slice(at + 1)];
}
