import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { join as joinPath } from 'node:path';
import type { ClientChannel, Client as SshClient } from 'ssh2';
import { slept } from '../../controller/kit/abort.ts';
import { type Clock, systemClock } from '../../controller/kit/clock.ts';
import { gatewayFilePath, writeGatewayFile } from '../../controller/kit/gateway-file.ts';
import { hostKeyFingerprint, parseJoinToken } from '../../controller/kit/join-token.ts';
import { machineLabels } from '../../controller/kit/machine-labels.ts';
import { SSH_ALGORITHMS } from '../../controller/kit/ssh-algorithms.ts';
import {
  HEARTBEAT,
  JOIN_COMMAND,
  JOIN_USER,
  type JoinAnswer,
  type JoinRequest,
  readLine,
} from '../../controller/kit/uplink-protocol.ts';
import { loadAgentKey } from '../ssh/agent-key.ts';
import { connectSsh, LoginRefused, type SshConnectOptions, WrongHostKey } from '../ssh/connect-ssh.ts';
import { target } from './uplink.ts';

export interface JoinOptions {
  /** Of the gateway: `host` or `host:port`. */
  server: string;
  /** As `nexus node token create` printed it. */
  token: string;
  /** Chosen by a person; absent: the token's, else the machine's. */
  nodeName?: string;
  /** The machine's, made fit to name a Node. */
  defaultNodeName: string;
  /** `$NEXUS_HOME`. */
  home: string;
  clock?: Clock;
  signal: AbortSignal;
}

/** What a person can do about it is in `next`. */
export class JoinError extends Error {
  readonly next: string | undefined;
  constructor(message: string, next?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JoinError';
    this.next = next;
  }
}

export interface Joined {
  nodeName: string;
  /** Where the agent reads how to reach its gateway. */
  file: string;
}

const DEFAULT_PORT = 3022;
/** The gateway hears of the new key from the API. */
const KNOWN_WITHIN_MS = 10_000;
const NEW_TOKEN = 'make a new one on the server: nexus node token create';

/**
 * Makes this machine a node: shows the token to the gateway whose key it names, and keeps what the answer says for the
 * agent. Again with the same key it changes nothing. Rejects with JoinError.
 */
export async function joinServer(options: JoinOptions): Promise<Joined> {
  const { home, signal } = options;
  const clock = options.clock ?? systemClock;
  const token = parseJoinToken(options.token);
  if (!token)
    throw new JoinError(
      'the token is not one, or not all of one',
      'copy the whole of it: nexus-join. and three parts',
    );
  const folder = joinPath(home, 'agent');
  const key = await loadAgentKey(folder);
  const address = withPort(options.server);
  const login = (more: Pick<SshConnectOptions, 'username' | 'password' | 'isHostKey'>) =>
    connectSsh({
      socket: connectSocket(target(address)),
      privateKey: key.privateKey,
      name: `the gateway ${address}`,
      algorithms: SSH_ALGORITHMS,
      keepalive: HEARTBEAT,
      signal,
      ...more,
    });

  const { client } = await login({
    username: JOIN_USER,
    password: token.password,
    isHostKey: hostKey => hostKeyFingerprint(hostKey) === token.fingerprint,
  }).catch(error => {
    throw explain(error, address);
  });
  let answer: JoinAnswer;
  try {
    answer = await ask(client, {
      nodeName: options.nodeName ?? options.defaultNodeName,
      isNamed: options.nodeName !== undefined,
      publicKey: key.publicKey,
      labels: machineLabels(),
    });
  } catch (cause) {
    throw new JoinError(`the gateway ${address} broke off: ${(cause as Error).message}`, 'try again', {
      cause,
    });
  } finally {
    client.end();
  }
  if ('error' in answer) throw new JoinError(answer.error, answer.next);
  const { nodeName, hostKeys } = answer;
  const isKnown = (hostKey: string) => hostKeys.includes(hostKey);

  // What works from here comes first, whatever the server is told to be reached at.
  const addresses = [...new Set([address, ...answer.addresses])];
  await writeGatewayFile(folder, { nodeName, addresses, hostKeys });
  const deadline = clock.uptime() + KNOWN_WITHIN_MS;
  for (;;) {
    try {
      (await login({ username: nodeName, isHostKey: isKnown })).client.end();
      return { nodeName, file: gatewayFilePath(folder) };
    } catch (error) {
      if (signal.aborted || clock.uptime() > deadline || !(error instanceof LoginRefused))
        throw explain(error, address);
      await slept(clock, 200, signal);
    }
  }
}

function withPort(server: string): string {
  if (/^\[[^\]]+\]:\d+$|^[^:]+:\d+$/.test(server)) return server;
  const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server;
  return `${host}:${DEFAULT_PORT}`;
}

function explain(error: unknown, address: string): JoinError {
  const cause = { cause: error };
  if (error instanceof WrongHostKey)
    return new JoinError(
      `the gateway at ${address} is not the one that the token is for: somebody may be in between, or it was set up anew`,
      `type nothing secret there; check the address, then ${NEW_TOKEN}`,
      cause,
    );
  if (error instanceof LoginRefused)
    return new JoinError(
      'the gateway does not know the token: it was used, has expired or was deleted',
      NEW_TOKEN,
      cause,
    );
  return new JoinError(
    `the gateway at ${address} is not reached: ${(error as Error).message}`,
    'check address and port, and that the server runs with a gateway',
    cause,
  );
}

async function ask(client: SshClient, request: JoinRequest): Promise<JoinAnswer> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec(JOIN_COMMAND, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
  channel.end(`${JSON.stringify(request)}\n`);
  const answer = await Promise.race([
    readLine<JoinAnswer>(channel),
    once(client, 'close').then(() => {
      throw new Error('the connection was closed');
    }),
  ]);
  return answer;
}
