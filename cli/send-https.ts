import { type Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { VERSION } from '../controller/kit/version.ts';

export interface HttpsRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: string;
  /** Destroyed after it. */
  agent: Agent;
  maxBytes: number;
}

export interface HttpsAnswer {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  text: string;
  /** The certificate that was shown, DER. */
  certificate: Buffer;
}

const TIMEOUT_MS = 20_000;

/** One request, with its whole answer as text. Throws the signal's reason, else what `toError` makes of a failure. */
export function sendHttps(
  { method, url, headers, body, agent, maxBytes }: HttpsRequest,
  signal: AbortSignal,
  toError: (cause: NodeJS.ErrnoException) => Error,
): Promise<HttpsAnswer> {
  return new Promise<HttpsAnswer>((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? signal.reason : toError(error));
    const sent = request(
      url,
      {
        method,
        agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        headers: {
          'user-agent': `nexus/${VERSION}`,
          ...headers,
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
      },
      response => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate().raw;
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
          if (text.length > maxBytes) sent.destroy(new Error('the answer is too large'));
        });
        response.once('error', fail);
        response.once('end', () => {
          const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(flat), text, certificate });
        });
      },
    );
    sent.once('error', fail);
    sent.end(body);
  }).finally(() => agent.destroy());
}
