import type { Readable } from 'node:stream';
import { ApiError } from '../kit/errors.ts';
import type { Transport } from './transport.ts';

/** What is used of fastify's `inject`. */
export interface Injectable {
  inject(options: {
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    url: string;
    headers: Record<string, string>;
    payload?: string | Buffer | Readable;
    payloadAsStream: true;
    signal: AbortSignal;
  }): PromiseLike<Injected>;
}

interface Injected {
  statusCode: number;
  headers: Record<string, string | string[] | number | undefined>;
  stream(): Readable;
  raw: { res: { destroy(): unknown } };
}

/** Requests to a server in the same process, without a socket. `headers` go with each, for a credential. */
export function injectTransport(app: Injectable, headers: Record<string, string> = {}): Transport {
  const open = new Set<() => void>();
  let closed = false;
  return {
    async request(request) {
      if (closed) throw new ApiError('Unreachable', 'the client is closed');
      const { signal } = request;
      signal?.throwIfAborted();
      const controller = new AbortController();
      let destroyResponse = () => {};
      const release = () => {
        open.delete(destroy);
        signal?.removeEventListener('abort', destroy);
      };
      const destroy = () => {
        // Of a request that is over nothing is left to end, and an abort makes an error with a trace.
        if (!open.has(destroy)) return;
        release();
        controller.abort();
        destroyResponse();
      };
      open.add(destroy);
      signal?.addEventListener('abort', destroy, { once: true });
      const failure = (cause: unknown) =>
        signal?.aborted
          ? signal.reason
          : new ApiError('Unreachable', `the server broke off: ${(cause as Error).message}`, undefined, {
              cause,
            });
      try {
        const injected = app.inject({
          method: request.method as 'GET',
          url: request.path,
          headers: { ...request.headers, ...headers },
          ...(request.body !== undefined && { payload: request.body }),
          payloadAsStream: true,
          signal: controller.signal,
        });
        // It begins when it is asked for its result: at once, as of one that is aborted before it begins nobody hears the error.
        const response = await new Promise<Injected>((...done) => void injected.then(...done));
        const stream = response.stream();
        stream.on('error', () => {});
        // light-my-request ends the request's side only; a server that listens on its response must hear of it too.
        destroyResponse = () => response.raw.res.destroy();
        if (controller.signal.aborted) destroyResponse();
        return {
          status: response.statusCode,
          headers: response.headers as Record<string, string | string[] | undefined>,
          body: read(stream, { release, destroy, failure }),
          destroy,
        };
      } catch (cause) {
        destroy();
        throw failure(cause);
      }
    },
    async close() {
      closed = true;
      for (const destroy of open) destroy();
    },
  };
}

async function* read(
  stream: Readable,
  call: { release: () => void; destroy: () => void; failure: (cause: unknown) => unknown },
): AsyncGenerator<Buffer> {
  let whole = false;
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    whole = true;
  } catch (cause) {
    throw call.failure(cause);
  } finally {
    if (whole) call.release();
    else call.destroy();
  }
}
