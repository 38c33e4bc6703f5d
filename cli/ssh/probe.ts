import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { SshServer } from './published.ts';

/** A port that does not answer within this is not reachable. */
const CONNECT_MS = 1_500;
/** Its key exchange may take this much longer. */
const KEY_EXCHANGE_S = 3;

/** `yes`: the SSH server with the published key answers there; else why not, as a clause. */
export type Reach = { reachable: true } | { reachable: false; why: string };

/**
 * Whether an SSH server can be reached, and is the one that was published: the same private address may be another
 * machine's in another network. Bounded, and never throws.
 */
export async function probe(server: SshServer, signal: AbortSignal): Promise<Reach> {
  const why = await listens(server, signal);
  if (why !== undefined) return { reachable: false, why };
  const keys = await offeredKeys(server, signal);
  // Without ssh-keyscan it is ssh itself that finds out.
  if (keys === undefined || server.hostKeys.some(key => keys.includes(key))) return { reachable: true };
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

/** What the server offers, as `type base64`; undefined: there is no program to ask with. */
function offeredKeys(
  { host, port, hostKeys }: SshServer,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const types = [...new Set(hostKeys.map(keyType))].join(',');
  const args = ['-T', String(KEY_EXCHANGE_S), '-p', String(port), '-t', types, host];
  return new Promise(resolve => {
    execFile('ssh-keyscan', args, { signal, timeout: (KEY_EXCHANGE_S + 1) * 1000 }, (error, stdout) => {
      if (error && (error as NodeJS.ErrnoException).code === 'ENOENT') return resolve(undefined);
      resolve(stdout.split('\n').map(line => line.split(' ').slice(1, 3).join(' ')));
    });
  }).then(keys => (keys as string[] | undefined)?.filter(key => key !== ''));
}

/** As ssh-keyscan names it. */
export function keyType(hostKey: string): string {
  if (hostKey.startsWith('ecdsa-')) return 'ecdsa';
  return hostKey.startsWith('ssh-rsa') ? 'rsa' : 'ed25519';
}
