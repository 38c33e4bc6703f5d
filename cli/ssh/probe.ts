import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { SshServer } from './published.ts';

/** A port that does not answer within this is not reachable. */
const CONNECT_MS = 1_500;
/** Its key exchange may take this much longer. */
const KEY_EXCHANGE_MS = 3_000;

/**
 * Whether the SSH server with the published key answers there; else why not, as a clause. `isSlow`: something took the
 * connection and did not say its key in time, which that server may well be on a busy machine.
 */
export type Reach = { reachable: true } | { reachable: false; why: string; isSlow?: true };

/**
 * Whether an SSH server can be reached, and is the one that was published: the same private address may be another
 * machine's in another network. Bounded, and never throws.
 */
export async function probe(server: SshServer, signal: AbortSignal): Promise<Reach> {
  const why = await listens(server, signal);
  if (why !== undefined) return { reachable: false, why };
  const keys = await offeredKeys(server, signal);
  // Without ssh-keyscan it is ssh itself that finds out.
  if (keys === undefined || (keys !== 'slow' && server.hostKeys.some(key => keys.includes(key))))
    return { reachable: true };
  if (keys === 'slow')
    return { reachable: false, why: `no host key within ${KEY_EXCHANGE_MS / 1000} s`, isSlow: true };
  return { reachable: false, why: keys.length > 0 ? 'another machine answers there' : 'it speaks no SSH' };
}

function listens({ host, port }: SshServer, signal: AbortSignal): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = connect({ host, port, signal, timeout: CONNECT_MS });
    const finish = (why?: string) => {
      socket.destroy();
      resolve(why);
    };
    socket.once('connect', () => finish());
    socket.once('timeout', () => finish(`no answer within ${CONNECT_MS / 1000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(reasonOf(error)));
  });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name is not resolved',
  ETIMEDOUT: 'no answer',
};

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? error.message;
}

/** What the server offers, as `type base64`; `slow`: nothing in time; undefined: there is no program to ask with. */
function offeredKeys(
  { host, port, hostKeys }: SshServer,
  signal: AbortSignal,
): Promise<string[] | 'slow' | undefined> {
  const types = [...new Set(hostKeys.map(keyType))].join(',');
  // Its own limit is longer: what it ends by itself for is the server's answer.
  const args = ['-T', String((2 * KEY_EXCHANGE_MS) / 1000), '-p', String(port), '-t', types, host];
  return new Promise(resolve => {
    execFile('ssh-keyscan', args, { signal, timeout: KEY_EXCHANGE_MS }, (error, stdout) => {
      if (error?.code === 'ENOENT') return resolve(undefined);
      const keys = stdout.split('\n').map(line => line.split(' ').slice(1, 3).join(' '));
      const said = keys.filter(key => key !== '');
      resolve(error?.killed && said.length === 0 ? 'slow' : said);
    });
  });
}

/** As ssh-keyscan names it. */
export function keyType(hostKey: string): string {
  if (hostKey.startsWith('ecdsa-')) return 'ecdsa';
  return hostKey.startsWith('ssh-rsa') ? 'rsa' : 'ed25519';
}
