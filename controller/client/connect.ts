import { type Clock, systemClock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { Client } from './client.ts';
import { type ClientOptions, createClient } from './create-client.ts';
import { type HttpsTransportOptions, httpsTransport } from './https-transport.ts';
import { type Connection, KubeconfigError, readKubeconfig, resolveConnection } from './kubeconfig.ts';

export interface ConnectOptions {
  /** A kubeconfig; see kubeconfigPath. */
  file: string;
  /** Defaults to one of `server`, else to the file's current context. */
  context?: string;
  /** `https://host:port` in place of the context's. With a token it need not be in the file: the system's authorities count then. */
  server?: string;
  /** In place of whatever credential the context has. */
  token?: string;
  userAgent?: string;
  metrics?: Metrics;
  clock?: Clock;
  onDate?: ClientOptions['onDate'];
  /** The present token of a login of ours, in place of running ourselves for it. Asked before each request. */
  loginToken?: (connection: Connection & { login: string }) => Promise<string>;
  /** For the connection; see HttpsTransportOptions. */
  transport?: Pick<HttpsTransportOptions, 'connectTimeoutMs' | 'idleTimeoutMs' | 'maxSockets'>;
}

/** A token in a file is read again after this long, as client-go does. */
const TOKEN_FILE_MS = 60_000;

/**
 * A client for a context of a kubeconfig. Nothing is sent yet. Throws KubeconfigError.
 *
 * @example
 * const file = kubeconfigPath({ flag, env, home });
 * const { client, connection } = await connect({ file });
 */
export async function connect(options: ConnectOptions): Promise<{ client: Client; connection: Connection }> {
  const connection = await connectionOf(options);
  const clock = options.clock ?? systemClock;
  const { server, ca, insecure, serverName, clientCert } = connection;
  const socketPath = connection.socket && isOurSocket(connection.socket) ? connection.socket : undefined;
  const base = { server, ca, insecure, serverName, clientCert, socketPath, clock, ...options.transport };
  const transport = httpsTransport({ ...base, ...(await authentication(connection, options, clock)) });
  const { userAgent, metrics, onDate } = options;
  const client = createClient({ transport, clock, userAgent, metrics, onDate });
  return { client, connection };
}

async function connectionOf(options: ConnectOptions): Promise<Connection> {
  const { file, context, server, token } = options;
  try {
    const resolved = await resolveConnection(await readKubeconfig(file), options);
    return token ? withToken(resolved, token) : resolved;
  } catch (error) {
    const isUnknown = error instanceof KubeconfigError && ['NoFile', 'NoContext'].includes(error.code);
    if (!isUnknown || !token || !server || context) throw error;
    return { context: server, server, insecure: false, exec: false, token };
  }
}

function withToken(connection: Connection, token: string): Connection {
  const { login: _login, clientCert: _cert, tokenFile: _file, ...rest } = connection;
  return { ...rest, exec: false, token };
}

/** A kubeconfig may have come from another machine; a token goes only to a socket that this user made. */
function isOurSocket(path: string): boolean {
  const { statSync } = process.getBuiltinModule('node:fs');
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isSocket() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}

async function authentication(
  connection: Connection,
  options: ConnectOptions,
  clock: Clock,
): Promise<Pick<HttpsTransportOptions, 'token' | 'clientCert'>> {
  if (connection.token) return { token: connection.token };
  if (connection.tokenFile) return { token: tokenFromFile(connection.tokenFile, clock) };
  const { login } = connection;
  const { loginToken } = options;
  if (login !== undefined && loginToken) return { token: () => loginToken({ ...connection, login }) };
  if (!connection.exec) return {};
  // Costs a third of a second to import, so only those who need it pay.
  const { execCredentials } = await import('./exec-credentials.ts');
  return execCredentials(options.file, connection.context);
}

function tokenFromFile(file: string, clock: Clock): () => Promise<string> {
  let known: { token: string; at: number } | undefined;
  return async () => {
    if (known && clock.now() - known.at < TOKEN_FILE_MS) return known.token;
    try {
      const { readFile } = await import('node:fs/promises');
      known = { token: (await readFile(file, 'utf8')).trim(), at: clock.now() };
    } catch (cause) {
      const why = `cannot read the token in ${file}: ${(cause as Error).message}`;
      if (!known) throw new KubeconfigError('Invalid', why, { cause });
    }
    return known.token;
  };
}
