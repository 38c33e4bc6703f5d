import type { Agent, AgentOptions, ClientRequest, IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, type Milliseconds, systemClock } from '../kit/clock.ts';
import { ApiError } from '../kit/errors.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

// Not imported: that would read every export of node:http, and with it load the whole of fetch, 15 ms for nothing.
const http = process.getBuiltinModule('node:http');

export interface HttpsTransportOptions {
  /** `https://host:port`, with a path before the API's where a proxy wants one. Plain `http://` works too. */
  server: string;
  /** A Unix socket of the same server, used instead, without TLS. */
  socketPath?: string;
  /** A connection that stands, made by somebody else and used instead, without TLS. */
  connect?: () => Promise<Duplex>;
  /** PEM. Absent: the system's authorities. */
  ca?: string;
  /** Bearer token, or where to get the present one before each request. */
  token?: string | (() => string | Promise<string>);
  clientCert?: { cert: string; key: string };
  /** Accepts any certificate. For tests and emergencies only. */
  insecure?: boolean;
  /** Name to check the certificate against, where it is not the host's. */
  serverName?: string;
  /** Until the connection stands, TLS included. Defaults to 10 s. */
  connectTimeoutMs?: Milliseconds;
  /** Silence of a request that is not a watch. Defaults to 60 s. */
  idleTimeoutMs?: Milliseconds;
  /** Most connections at once, watches aside; further requests wait. Defaults to 64. */
  maxSockets?: number;
  clock?: Clock;
}

/** Idle connections are dropped after this long: sooner than any server we know does it. */
const FREE_SOCKET_MS = 20_000;
/** A peer that vanished without a word is noticed after this and ten unanswered probes a second apart. */
const KEEP_ALIVE_PROBE_MS = 15_000;

/** The Kubernetes API over HTTPS: kept-alive connections for requests, one of its own for each watch. */
export function httpsTransport(options: HttpsTransportOptions): Transport {
  const url = new URL(options.server);
  const { socketPath, connect } = options;
  const secure = url.protocol !== 'http:' && socketPath === undefined && !connect;
  const clock = options.clock ?? systemClock;
  const tls = {
    ca: options.ca,
    cert: options.clientCert?.cert,
    key: options.clientCert?.key,
    rejectUnauthorized: !options.insecure,
    ...(options.serverName && { servername: options.serverName }),
  };
  const pool = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_PROBE_MS, maxSockets: options.maxSockets ?? 64 };
  // Loaded for those who need it: 10 ms.
  const https = secure ? process.getBuiltinModule('node:https') : undefined;
  const agent = https
    ? new https.Agent({ ...pool, ...tls, timeout: FREE_SOCKET_MS })
    : plainAgent({ ...pool, timeout: FREE_SOCKET_MS }, connect);
  const watchAgent = https
    ? new https.Agent({ keepAlive: false, ...tls })
    : plainAgent({ keepAlive: false }, connect);
  const prefix = url.pathname.replace(/\/+$/, '');
  const open = new Set<ClientRequest>();
  /** Failures of a kept connection that the server closed just when we wrote to it: nobody looked at the request. */
  const stale = new WeakSet<object>();
  let closed = false;

  async function attempt(request: TransportRequest): Promise<TransportResponse> {
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    const headers: Record<string, string> = { ...request.headers };
    if (token) headers.authorization = `Bearer ${token}`;
    if (!request.stream) headers['accept-encoding'] = 'gzip';
    if (request.body !== undefined && !isStream(request.body))
      headers['content-length'] = String(Buffer.byteLength(request.body));
    const init: RequestOptions = {
      ...(socketPath === undefined
        ? { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || (secure ? 443 : 80) }
        : // A name that no TLS will ask for: to find one, Node would compile a pattern of all addresses, 5 ms.
          { socketPath, servername: '' }),
      method: request.method,
      path: prefix + request.path,
      headers,
      agent: request.stream ? watchAgent : agent,
    };
    return send(init, request);
  }

  function send(init: RequestOptions, request: TransportRequest): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      if (signal?.aborted) return reject(signal.reason);
      const req = (https ?? http).request(init);
      open.add(req);
      const onAbort = () => req.destroy();
      signal?.addEventListener('abort', onAbort, { once: true });
      const failure = (cause: unknown) =>
        signal?.aborted ? signal.reason : unreachable(options.server, cause);
      let cancelConnect = () => {};
      let answered = false;
      req.on('socket', socket => {
        // A socket that waited for us in the pool stands already, whether or not reusedSocket says so.
        const { connecting, secureConnecting } = socket as Socket & { secureConnecting?: boolean };
        if (!connecting && !secureConnecting) return;
        socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
        socket.setNoDelay(true);
        const limit = options.connectTimeoutMs ?? 10_000;
        cancelConnect = clock.after(limit, () =>
          req.destroy(new Error(`no connection within ${limit / 1000} s`)),
        );
        socket.once(secure ? 'secureConnect' : 'connect', () => cancelConnect());
      });
      const idle = options.idleTimeoutMs ?? 60_000;
      if (!request.stream)
        req.setTimeout(idle, () => req.destroy(new Error(`no answer within ${idle / 1000} s`)));
      else req.setTimeout(0);
      req.on('error', (cause: NodeJS.ErrnoException) => {
        const error = failure(cause);
        // A reason may be anything, and what was aborted is not tried again.
        if (!signal?.aborted && req.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE'))
          stale.add(error as object);
        reject(error);
      });
      req.on('close', () => {
        open.delete(req);
        cancelConnect();
        signal?.removeEventListener('abort', onAbort);
        if (!answered) reject(failure(new Error('connection closed')));
      });
      req.on('response', (response: IncomingMessage) => {
        answered = true;
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: readBody(decode(response), failure),
          destroy: () => req.destroy(),
        });
      });
      if (isStream(request.body)) request.body.on('error', error => req.destroy(error)).pipe(req);
      else req.end(request.body);
    });
  }

  return {
    async request(request) {
      if (closed) throw new ApiError('Unreachable', 'the client is closed');
      try {
        return await attempt(request);
      } catch (error) {
        if (!stale.has(error as object) || request.method === 'POST' || request.signal?.aborted) throw error;
        return attempt(request);
      }
    },
    async close() {
      closed = true;
      for (const req of open) req.destroy();
      agent.destroy();
      watchAgent.destroy();
    },
  };
}

function isStream(body: TransportRequest['body']): body is Readable {
  return typeof body === 'object' && !Buffer.isBuffer(body);
}

function plainAgent(options: AgentOptions, connect: (() => Promise<Duplex>) | undefined): Agent {
  const agent = new http.Agent(options);
  if (!connect) return agent;
  agent.createConnection = (_options, done) => {
    connect().then(
      stream => done?.(null, stream),
      // Its type wants a stream beside the error.
      error => done?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

function decode(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const gunzip = process.getBuiltinModule('node:zlib').createGunzip();
  response.on('error', error => gunzip.destroy(error));
  return response.pipe(gunzip);
}

async function* readBody(stream: Readable, failure: (cause: unknown) => unknown): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw failure(error);
  }
}

function unreachable(server: string, cause: unknown): ApiError {
  const { message, code } = cause as NodeJS.ErrnoException;
  const what = message || code || 'no answer';
  return new ApiError(
    'Unreachable',
    `cannot reach the server ${server}: ${what}; check that it runs and that the address is right`,
    undefined,
    { cause },
  );
}
