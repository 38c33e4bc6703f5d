import type { Duplex } from 'node:stream';
import type { Address } from './dial-address.ts';

/**
 * What agents and the gateway say to each other over one SSH connection that the agent opens:
 * - the agent asks for one remote forward, `STREAMS`; the gateway opens `forwarded-tcpip` channels for it, whose
 *   originator address names a placement of the node. The agent answers with one line of JSON (`StreamAnswer`), and
 *   after an `ok` the channel is the workspace's sshd. A gateway on the same machine may be told the address instead.
 * - the agent opens `direct-tcpip` channels to `API`: plain HTTP/1.1 to the Kubernetes API, as the node.
 */
export const STREAMS = { host: 'workspaces', port: 22 } as const;
export const API = { host: 'api', port: 443 } as const;
/** Command that a machine runs on the gateway to become a node; JSON both ways. */
export const JOIN_COMMAND = 'nexus-join';
/** SSH user name of a machine that has a join token, which is its password, and no key that is known yet. */
export const JOIN_USER = 'join';

/** An agent sends something every so often, and takes the gateway for dead after MISSED unanswered ones. */
export const HEARTBEAT = { everyMs: 4_500, missed: 2 } as const;
/** Longest silence of a peer that lives. */
export const SILENCE_MS = HEARTBEAT.everyMs * (HEARTBEAT.missed + 1);

/** What the gateway wants of a placement, as the originator's port of its channel: a stream, or where its sshd is. */
export const WISH = { stream: 0, address: 1 } as const;
export type StreamAnswer =
  | { ok: true }
  /** `network`: in which the addresses are good. */
  | { at: readonly Address[]; network: string }
  | { error: string };

/** What a machine that joins says of itself, one line. */
export interface JoinRequest {
  nodeName: string;
  /** Whether somebody chose that name; else it is the machine's, and the token's comes first. */
  isNamed: boolean;
  /** `ssh-ed25519 AAAA…`, the agent's. */
  publicKey: string;
  labels: Record<string, string>;
}

export type JoinAnswer =
  | { nodeName: string; addresses: string[]; hostKeys: string[] }
  | { error: string; next?: string };

const MAX_LINE_BYTES = 4096;

/** Reads one line of JSON from the head of a stream; what follows stays in it. Rejects when it ends or is no such line. */
export function readLine<T>(stream: Duplex): Promise<T> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const settle = (finish: () => void) => {
      stream.off('readable', onReadable);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      stream.off('error', onEnd);
      finish();
    };
    const onEnd = () => settle(() => reject(new Error('the connection was closed')));
    const onReadable = () => {
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
        seen = Buffer.concat([seen, chunk]);
        const end = seen.indexOf(10);
        if (end < 0 && seen.length <= MAX_LINE_BYTES) continue;
        return settle(() => {
          const rest = seen.subarray(end + 1);
          if (end >= 0 && rest.length > 0) stream.unshift(rest);
          try {
            resolve(JSON.parse(seen.subarray(0, end).toString('utf8')) as T);
          } catch (cause) {
            reject(new Error('the other side does not speak our protocol', { cause }));
          }
        });
      }
    };
    stream.on('readable', onReadable);
    stream.once('end', onEnd);
    stream.once('close', onEnd);
    stream.once('error', onEnd);
  });
}

export function writeLine(stream: Duplex, value: object): void {
  stream.write(`${JSON.stringify(value)}\n`);
}
