import { Agent } from 'node:https';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { sendHttps } from '../send-https.ts';

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
  const url = `${server}/api/v1${path}`;
  const { status, text, certificate } = await sendHttps(
    {
      method,
      url,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      },
      ...(payload !== undefined && { body: payload }),
      agent: new Agent({ ca, rejectUnauthorized: !unchecked }),
      maxBytes: MAX_BYTES,
    },
    context.signal,
    cause => unreachable(url, cause),
  );
  const answer = parsed(text);
  if (status >= 200 && status < 300) return { body: answer as T, certificate };
  const { error, message } = (answer ?? {}) as Refusal;
  if (typeof error !== 'string' || !message) throw noRestApi(server, status);
  throw new RestRefusal(error, message, {
    exitCode: EXITS[status] ?? EXIT.failed,
    ...(status === 429 && { next: 'try again in a moment' }),
  });
}

/** A Kubernetes API server, or something else altogether. */
function noRestApi(server: string, status: number): RestRefusal {
  return new RestRefusal('', `${server} has no REST API of Nexus, which this needs: it answered ${status}`, {
    exitCode: status === 401 || status === 403 ? EXIT.noAccess : EXIT.failed,
    next: 'is the address right? On Kubernetes one logs in as that asks for, and an admin changes users: nexus edit user NAME',
  });
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
