import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { getCACertificates } from 'node:tls';
import { VERSION } from '../../controller/kit/version.ts';
import type { CommandContext } from '../command.ts';
import { outOfReach } from './answer.ts';

export interface HttpsRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface HttpsAnswer {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  text: string;
}

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * A request to GitHub by ourselves, with what gh and git go by: HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. Throws CliError
 * unreachable.
 */
export function sendHttps(
  { io, signal }: Pick<CommandContext, 'io' | 'signal'>,
  { method, url, headers, body }: HttpsRequest,
): Promise<HttpsAnswer> {
  const { host } = new URL(url);
  const { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy, SSL_CERT_FILE } = io.env;
  const agent = new Agent({
    proxyEnv: { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy },
    ...(SSL_CERT_FILE && { ca: [...getCACertificates('default'), readFileSync(SSL_CERT_FILE, 'utf8')] }),
  });
  return new Promise<HttpsAnswer>((resolve, reject) => {
    const fail = (error: Error) =>
      reject(signal.aborted ? signal.reason : outOfReach(host, error.message, error));
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
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
          if (text.length > MAX_BYTES) sent.destroy(new Error('the answer is too large'));
        });
        response.once('error', fail);
        response.once('end', () => {
          const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(flat), text });
        });
      },
    );
    sent.once('error', fail);
    sent.end(body);
  }).finally(() => agent.destroy());
}
