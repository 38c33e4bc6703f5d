import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import WebSocket from 'ws';
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
/** LXD sends far smaller ones. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** LXD's and Incus' REST API on their Unix socket. Errors are LxdError, or the system's when nobody answers. */
export class LxdClient {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<WebSocket>();

  constructor(socketPath: string) {
    this.socketPath = socketPath;
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
    const message = await this.#send(method, path, options);
    const answer = (await json(message)) as Answer<T>;
    if (message.headers.etag) answer.etag = message.headers.etag;
    if (answer.type === 'error') throw new LxdError(answer.error_code ?? 0, answer.error ?? 'unknown error');
    return answer;
  }

  /** Whether there is something at a path that answers HEAD. */
  async has(path: string): Promise<boolean> {
    const message = await this.#send('HEAD', path, {});
    message.resume();
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

  /** Opens when LXD took it; errors and its end are the caller's to listen to. */
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

  close(): void {
    this.#agent.destroy();
    for (const socket of this.#sockets) socket.terminate();
  }

  async #send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    const { body, headers = {}, signal } = options;
    const isRaw = body instanceof Readable || Buffer.isBuffer(body);
    const text = body === undefined || isRaw ? undefined : JSON.stringify(body);
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
        ...(text !== undefined && { 'content-length': Buffer.byteLength(text) }),
        ...(Buffer.isBuffer(body) && { 'content-length': body.length }),
        ...headers,
      },
    });
    sent.on('response', resolve).on('error', reject);
    if (body instanceof Readable) pipeline(body, sent).catch(reject);
    else sent.end(text ?? body);
    return promise;
  }
}
