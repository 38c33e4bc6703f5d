import type { Duplex } from 'node:stream';
import ssh2, { type ConnectConfig, type Client as SshClient } from 'ssh2';
import { hastenCiphers } from '../../controller/kit/hasten-ciphers.ts';

export interface SshConnectOptions {
  /** Its own from now on; connected or about to be. */
  socket: Duplex;
  username: string;
  privateKey?: string;
  password?: string;
  /** Whether the server's key, `ssh-ed25519 AAAA…`, is the one it must have. */
  isHostKey: (publicKey: string) => boolean;
  /** Where to, for messages. */
  name: string;
  algorithms?: ConnectConfig['algorithms'];
  keepalive: { everyMs: number; missed: number };
  signal: AbortSignal;
}

export interface SshConnection {
  client: SshClient;
  /** Resolves when it is over, however it ended. */
  closed: Promise<void>;
}

/** The server is not who it must be. */
export class WrongHostKey extends Error {
  constructor(name: string) {
    super(`${name} answers with another host key`);
    this.name = 'WrongHostKey';
  }
}

/** The server knows neither key nor password. */
export class LoginRefused extends Error {
  constructor(name: string) {
    super(`${name} refused the login`);
    this.name = 'LoginRefused';
  }
}

const READY_TIMEOUT_MS = 10_000;

/** Logs in over a socket. Rejects with WrongHostKey, LoginRefused or what broke. */
export function connectSsh(options: SshConnectOptions): Promise<SshConnection> {
  const { socket, name, signal, keepalive, isHostKey } = options;
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    hastenCiphers(client);
    let hostKeyWrong = false;
    const closed = new Promise<void>(done => client.once('close', () => done()));
    const onAbort = () => client.destroy();
    const fail = (error: Error & { level?: string }) => {
      signal.removeEventListener('abort', onAbort);
      client.destroy();
      socket.destroy();
      if (hostKeyWrong) reject(new WrongHostKey(name));
      else reject(error.level === 'client-authentication' ? new LoginRefused(name) : error);
    };
    if (signal.aborted) return fail(new Error('stopped'));
    signal.addEventListener('abort', onAbort, { once: true });
    // Errors after the handshake end in `close`; without a listener they would end the process.
    client.on('error', fail);
    socket.on('error', fail);
    client.once('close', () => fail(new Error(`${name} closed the connection`)));
    client.once('ready', () => {
      signal.removeEventListener('abort', onAbort);
      resolve({ client, closed });
    });
    client.connect({
      sock: socket,
      username: options.username,
      privateKey: options.privateKey,
      password: options.password,
      readyTimeout: READY_TIMEOUT_MS,
      keepaliveInterval: keepalive.everyMs,
      keepaliveCountMax: keepalive.missed,
      algorithms: { serverHostKey: ['ssh-ed25519'], ...options.algorithms },
      hostVerifier: (key: Buffer) => {
        hostKeyWrong = !isHostKey(`ssh-ed25519 ${key.toString('base64')}`);
        return !hostKeyWrong;
      },
    });
  });
}
