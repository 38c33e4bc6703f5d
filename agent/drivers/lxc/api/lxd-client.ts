import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import WebSocket from 'ws';
import { withTimeout } from '../../../../controller/kit/abort.ts';
import { type Clock, systemClock } from '../../../../controller/kit/clock.ts';
import { DriverError } from '../../../driver.ts';
import { Silence } from '../../silence.ts';
import { LxdError } from './lxd-error.ts';

/** An answer of LXD's API, as its envelope says it. */
export interface Answer<T> {
  type: 'sync' | 'async' | 'error';
  metadata: T;
  /** Path of the operation that goes on, when `type` is `async`. */
  operation?: string;
  error?: string;
  error_code?: number;
  /** Of the state that was read, for `if-match`. */
  etag?: string;
}

export interface Operation<M = Record<string, unknown>> {
  id: string;
  /** 103: goes on, 200: done; above: failed or cancelled. */
  status_code: number;
  err?: string;
  metadata?: M | null;
}

export interface CallOptions {
  /** Sent as JSON; a stream or bytes as they are. */
  body?: object | Readable | Buffer;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface WaitOptions<M> {
  signal?: AbortSignal;
  /** Called about once a second while it goes on. */
  onProgress?: (metadata: M) => void;
}

const RUNNING = 103;
const SUCCESS = 200;
/** Seconds of one wait for an operation; it is asked again after that. */
const WAIT_SECONDS = 20;
const PROGRESS_SECONDS = 1;
/** For how long LXD may say nothing while it owes an answer, or take nothing of what it is sent. */
const READ_SILENCE_MS = 60_000;
/** Some changes it makes before it answers: a pool, a volume's removal. */
const CHANGE_SILENCE_MS = 300_000;
const OPEN_MS = 60_000;
/** LXD sends far smaller ones. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/**
 * LXD's and Incus' REST API on their Unix socket. Errors are LxdError, the system's when nobody answers, and DriverError
 * (EngineUnavailable) when LXD took a call and was silent. None goes on for ever.
 */
export class LxdClient {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<WebSocket>();

  constructor(socketPath: string, clock: Clock = systemClock) {
    this.socketPath = socketPath;
    this.clock = clock;
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.call<T>('GET', path, signal ? { signal } : {})).metadata;
  }

  /** What is in a collection: Incus says null of an empty one. */
  async list<T>(path: string, signal?: AbortSignal): Promise<T[]> {
    return (await this.get<T[] | null>(path, signal)) ?? [];
  }

  /** Undefined when it is not there. */
  async find<T>(path: string, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get<T>(path, signal);
    } catch (error) {
      if (error instanceof LxdError && error.status === 404) return undefined;
      throw error;
    }
  }

  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const { message, text } = await this.#send(method, path, options);
    const answer = JSON.parse(text) as Answer<T>;
    if (message.headers.etag) answer.etag = message.headers.etag;
    if (answer.type === 'error') throw new LxdError(answer.error_code ?? 0, answer.error ?? 'unknown error');
    return answer;
  }

  /** Whether there is something at a path that answers HEAD. */
  async has(path: string): Promise<boolean> {
    const { message } = await this.#send('HEAD', path, {});
    return message.statusCode === 200;
  }

  /** A change that LXD does in the background, waited for. */
  async change<M = Record<string, unknown>>(
    method: string,
    path: string,
    options: CallOptions & WaitOptions<M> = {},
  ): Promise<Operation<M>> {
    const { operation } = await this.call(method, path, options);
    if (!operation) return { id: '', status_code: SUCCESS };
    return this.wait<M>(operation, options);
  }

  /** When the signal ends the wait, the operation is cancelled where LXD can. */
  async wait<M>(path: string, { signal, onProgress }: WaitOptions<M> = {}): Promise<Operation<M>> {
    const seconds = onProgress ? PROGRESS_SECONDS : WAIT_SECONDS;
    try {
      for (;;) {
        const operation = await this.get<Operation<M>>(`${path}/wait?timeout=${seconds}`, signal);
        if (operation.metadata) onProgress?.(operation.metadata);
        if (operation.status_code === RUNNING) continue;
        if (operation.status_code === SUCCESS) return operation;
        throw new LxdError(0, operation.err || 'the operation failed');
      }
    } catch (error) {
      if (signal?.aborted) await this.call('DELETE', path).catch(() => {});
      throw error;
    }
  }

  /** Opens when LXD took it (see `opened`); errors and its end are the caller's to listen to. */
  webSocket(path: string): WebSocket {
    const socket = new WebSocket(`ws://lxd${path}`, {
      // By the connection, as the library's own URLs for this cannot hold every path.
      createConnection: () => connect(this.socketPath),
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }

  /** Resolves when a socket is open; rejects with its error, the signal's, or when LXD does not open it. */
  async opened(socket: WebSocket, signal?: AbortSignal): Promise<void> {
    if (socket.readyState !== socket.CONNECTING) return;
    await withTimeout(once(socket, 'open', { signal }), OPEN_MS, this.clock, () =>
      silent('a stream', OPEN_MS),
    );
  }

  close(): void {
    this.#agent.destroy();
    for (const socket of this.#sockets) socket.terminate();
  }

  async #send(
    method: string,
    path: string,
    options: CallOptions,
  ): Promise<{ message: IncomingMessage; text: string }> {
    const { body, headers = {}, signal } = options;
    const isRaw = body instanceof Readable || Buffer.isBuffer(body);
    const json = body === undefined || isRaw ? undefined : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request({
      socketPath: this.socketPath,
      agent: this.#agent,
      method,
      path,
      signal,
      headers: {
        host: 'lxd',
        'content-type': isRaw ? 'application/octet-stream' : 'application/json',
        ...(json !== undefined && { 'content-length': Buffer.byteLength(json) }),
        ...(Buffer.isBuffer(body) && { 'content-length': body.length }),
        ...headers,
      },
    });
    let message: IncomingMessage | undefined;
    const silenceMs = method === 'GET' || method === 'HEAD' ? READ_SILENCE_MS : CHANGE_SILENCE_MS;
    const silence = new Silence(this.clock, silenceMs, () => {
      const error = silent(`${method} ${path}`, silenceMs);
      message?.destroy(error);
      sent.destroy(error);
    });
    sent.on('response', resolve).on('error', reject);
    if (body instanceof Readable) pipeline(heard(body, silence), sent).catch(reject);
    else sent.end(json ?? body);
    try {
      message = await promise;
      const chunks: Buffer[] = [];
      for await (const chunk of heard(message, silence)) chunks.push(chunk);
      return { message, text: Buffer.concat(chunks).toString() };
    } finally {
      silence.stop();
    }
  }
}

async function* heard(stream: Readable, silence: Silence): AsyncGenerator<Buffer, void, undefined> {
  silence.heard();
  for await (const chunk of stream) {
    silence.heard();
    yield chunk as Buffer;
  }
}

function silent(what: string, ms: number): DriverError {
  return new DriverError('EngineUnavailable', `LXD took a call (${what}) and was silent for ${ms / 1000} s`);
}
