import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { VERSION } from '../../controller/kit/version.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';

/** A server of ours: where it is, and how to know it. */
export interface ServerAddress {
  /** `https://host:port`. */
  server: string;
  /** PEM; absent: the system's authorities. */
  ca?: string;
  /** Takes any certificate, to look at it. */
  unchecked?: boolean;
}

export interface RestCall {
  method: string;
  /** Below /api/v1. */
  path: string;
  token?: string;
  body?: unknown;
}

export interface RestReply<T> {
  body: T;
  /** The certificate that the server showed, DER. */
  certificate: Buffer;
}

interface Refusal {
  error?: string;
  message?: string;
}

/** A refusal of the REST API: its code beside what a CliError has. */
export class RestRefusal extends CliError {
  readonly code: string;
  constructor(code: string, message: string, options: { exitCode: ExitCode; next?: string }) {
    super(message, options);
    this.code = code;
  }
}

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 4 * 1024 * 1024;
const EXITS: Readonly<Record<number, ExitCode>> = {
  401: EXIT.noAccess,
  403: EXIT.noAccess,
  404: EXIT.notFound,
  409: EXIT.conflict,
  503: EXIT.unreachable,
};

/** A call of the server's REST API. Throws RestRefusal, CliError unreachable. */
export async function callRest<T>(
  context: Pick<CommandContext, 'signal'>,
  { server, ca, unchecked = false }: ServerAddress,
  { method, path, token, body }: RestCall,
): Promise<RestReply<T>> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const { status, text, certificate } = await send(context, `${server}/api/v1${path}`, {
    method,
    ca,
    rejectUnauthorized: !unchecked,
    payload,
    headers: {
      'user-agent': `nexus/${VERSION}`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(payload !== undefined && { 'content-type': 'application/json' }),
    },
  });
  const answer = parsed(text);
  if (status >= 200 && status < 300) return { body: answer as T, certificate };
  const { error = '', message } = (answer ?? {}) as Refusal;
  throw new RestRefusal(error, message ?? `${server} answered ${status}; is it a Nexus server?`, {
    exitCode: EXITS[status] ?? EXIT.failed,
    ...(status === 429 && { next: 'try again in a moment' }),
  });
}

interface Sent {
  method: string;
  ca?: string;
  rejectUnauthorized: boolean;
  payload?: string;
  headers: Record<string, string>;
}

function send(
  { signal }: Pick<CommandContext, 'signal'>,
  url: string,
  { method, ca, rejectUnauthorized, payload, headers }: Sent,
): Promise<{ status: number; text: string; certificate: Buffer }> {
  const agent = new Agent({ ca, rejectUnauthorized });
  return new Promise<{ status: number; text: string; certificate: Buffer }>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(signal.aborted ? signal.reason : unreachable(url, error));
    const sent = request(
      url,
      { method, agent, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) },
      response => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate().raw;
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
          if (text.length > MAX_BYTES) sent.destroy(new Error('the answer is too large'));
        });
        response.once('error', fail);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text, certificate }));
      },
    );
    sent.once('error', fail);
    sent.end(payload);
  }).finally(() => agent.destroy());
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|TLS_CERT/;

function unreachable(url: string, cause: NodeJS.ErrnoException): CliError {
  const { host } = new URL(url);
  if (CERTIFICATE.test(cause.code ?? ''))
    return new CliError(`${host} shows a certificate that is not the one it is known by: ${cause.message}`, {
      exitCode: EXIT.noAccess,
      next: 'ask whoever runs it; if it was set up anew: nexus login SERVER --fingerprint FINGERPRINT',
      cause,
    });
  return new CliError(`${host} is out of reach: ${cause.message || cause.code}`, {
    exitCode: EXIT.unreachable,
    next: 'is the address right, and the server running?',
    cause,
  });
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
