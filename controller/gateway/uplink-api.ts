import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { GROUP_NODES, nodeUser } from '../../crds/names.ts';
import type { Transport, TransportResponse } from '../client/transport.ts';
import type { Clock } from '../kit/clock.ts';
import { ApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { TokenBucket } from '../kit/token-bucket.ts';

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
/** As the API server's own. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Longer than our clients', so that they close first. */
const KEEP_ALIVE_MS = 75_000;
/** Lines about what agents may not do: one that asks for ever must not fill the disk. */
const LOG_BURST = { burst: 20, refillMs: 1_000 };
/** Of one connection, or who somebody is: neither is passed on. */
const DROPPED =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|accept-encoding|expect|authorization|cookie|impersonate-.*|x-remote-.*|x-forwarded-.*|forwarded)$/;

export interface UplinkApiOptions {
  /** To the API, with the right to act as a node. */
  transport: Transport;
  clock: Clock;
  log: Logger;
}

/**
 * The API for agents: plain HTTP/1.1 over a channel of their uplink. Whoever the connection belongs to is who asks, and
 * nothing in the request says otherwise.
 */
export function createUplinkApi({ transport, clock, log }: UplinkApiOptions): {
  /** Serves requests of a node on a stream. */
  serve(node: string, stream: Duplex): void;
  close(): void;
} {
  const nodes = new WeakMap<object, string>();
  const streams = new Set<Duplex>();
  const lines = new TokenBucket({ ...LOG_BURST, clock });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const node = nodes.get(request.socket);
    const { method = '', url = '' } = request;
    if (node === undefined || !METHODS.has(method) || !url.startsWith('/'))
      throw new ApiError('BadRequest', `${method} is not served here`);
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the agent went away')));
    const body = await readBody(request);
    const answer = await transport.request({
      method,
      path: url,
      headers: {
        ...passedOn(request),
        'impersonate-user': nodeUser(node),
        'impersonate-group': GROUP_NODES,
      },
      ...(body.length > 0 && { body }),
      stream: /[?&]watch=(true|1)(&|$)/.test(url),
      signal: gone.signal,
    });
    if (answer.status === 403 && lines.take())
      log.warn({ node, method, path: url.split('?')[0] }, 'an agent asked for what is not its node’s');
    await send(answer, response);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.destroyed) return;
      log.debug({ err: error, path: request.url }, 'a request of an agent failed');
      if (response.headersSent) return void response.destroy();
      refuse(response, error);
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;

  return {
    serve(node, stream) {
      nodes.set(stream, node);
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      stream.on('error', () => stream.destroy());
      server.emit('connection', stream);
    },
    close() {
      for (const stream of streams) stream.destroy();
      server.close();
    },
  };
}

function passedOn({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !DROPPED.test(name),
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/** Whole: what is sent on must be one that can be sent again. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new ApiError('RequestEntityTooLarge', `a request may have ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function send(answer: TransportResponse, response: ServerResponse): Promise<void> {
  const headers: OutgoingHttpHeaders = {};
  const { 'content-encoding': encoding, ...given } = answer.headers;
  // The transport has decoded the body, so its length is another.
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && (!DROPPED.test(name) || (name === 'content-length' && !encoding)))
      headers[name] = value;
  response.writeHead(answer.status, headers);
  response.flushHeaders();
  try {
    for await (const chunk of answer.body)
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  } finally {
    answer.destroy();
  }
  response.end();
}

function refuse(response: ServerResponse, error: unknown): void {
  const known = error instanceof ApiError && error.reason !== 'Unreachable' ? error : undefined;
  const status = (
    known ?? new ApiError('ServiceUnavailable', 'the gateway does not reach the API; try again')
  ).toStatus();
  response.writeHead(status.code ?? 503, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(status));
}
