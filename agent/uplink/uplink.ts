import { connect as connectSocket, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client as SshClient } from 'ssh2';
import { slept } from '../../controller/kit/abort.ts';
import { fullJitterMs } from '../../controller/kit/backoff.ts';
import { batchWrites } from '../../controller/kit/batch-writes.ts';
import { ChannelSocket } from '../../controller/kit/channel-socket.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { GatewayFile } from '../../controller/kit/gateway-file.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { SocketBacklog } from '../../controller/kit/socket-backlog.ts';
import { SSH_ALGORITHMS } from '../../controller/kit/ssh-algorithms.ts';
import { API, HEARTBEAT } from '../../controller/kit/uplink-protocol.ts';
import { connectSsh, LoginRefused, type SshConnection, WrongHostKey } from '../ssh/connect-ssh.ts';
import { type LocatePlacement, serveStreams } from './serve-streams.ts';

export interface UplinkOptions {
  /** Asked before each attempt. */
  gateway: () => GatewayFile | Promise<GatewayFile>;
  privateKey: string;
  locate: LocatePlacement;
  clock: Clock;
  log: Logger;
  random: () => number;
}

export interface Uplink {
  readonly isConnected: boolean;
  /** A stream to the API, as this node. Waits a little for a connection that is being made; then rejects. */
  connect(): Promise<Duplex>;
  /** Keeps the connection, made again whenever it breaks, until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** 1,000 agents that lost their gateway together come back over a minute at most, the first within two seconds. */
const BACKOFF = { baseMs: 2_000, maxMs: 20_000 };
/** For a connection that is being made again. */
const WAIT_MS = 3_000;
/** A connection that stood this long was a success. */
const STABLE_MS = 10_000;

/** The one connection of this node to the gateway. */
export function createUplink(options: UplinkOptions): Uplink {
  const { clock, log, random } = options;
  let live: Live | undefined;
  let waiting: (() => void)[] = [];

  const session = async (signal: AbortSignal): Promise<void> => {
    const { connection, socket, address, isLocal } = await dialGateway(options, signal);
    const { client, closed } = connection;
    const end = () => client.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      await Promise.race([serveStreams(client, socket, { ...options, isLocal }), closed]);
      if (socket.destroyed) throw new Error(`${address} closed the connection`);
      live = { client, streams: new Set(), backlog: new SocketBacklog(socket) };
      for (const wake of waiting.splice(0)) wake();
      log.info({ gateway: address }, 'connected to the gateway');
      await closed;
      if (!signal.aborted) log.warn({ gateway: address }, 'the connection to the gateway was lost');
    } finally {
      for (const stream of live?.streams ?? [])
        stream.destroy(new Error('the connection to the gateway was lost'));
      live = undefined;
      client.destroy();
      signal.removeEventListener('abort', end);
    }
  };

  return {
    get isConnected() {
      return live !== undefined;
    },
    async connect() {
      if (!live) {
        const nap = new AbortController();
        const wake = () => nap.abort();
        waiting.push(wake);
        await slept(clock, WAIT_MS, nap.signal);
        waiting = waiting.filter(one => one !== wake);
      }
      if (!live) throw new Error('there is no connection to the gateway');
      return openApi(live, clock);
    },
    async run(signal) {
      let last = '';
      for (let attempt = 0; !signal.aborted; attempt++) {
        const begun = clock.uptime();
        try {
          await session(signal);
        } catch (error) {
          if (signal.aborted) return;
          const { message } = error as Error;
          // The same failure again and again is told once.
          const level = message === last ? 'debug' : 'warn';
          last = message;
          log[level]({ why: message, ...hint(error) }, 'the gateway was not reached; it is tried again');
        }
        if (clock.uptime() - begun >= STABLE_MS) attempt = 0;
        await slept(clock, fullJitterMs(attempt, BACKOFF, random), signal);
      }
    },
  };
}

function hint(error: unknown): { next?: string } {
  if (error instanceof WrongHostKey)
    return { next: 'somebody may be in between; if the gateway was set up anew, join the node again' };
  if (error instanceof LoginRefused)
    return { next: "the node's key was removed; make a token with `nexus node token create` and join again" };
  return {};
}

interface Live {
  client: SshClient;
  streams: Set<Duplex>;
  backlog: SocketBacklog;
}

function openApi({ client, streams, backlog }: Live, clock: Clock): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut('agent', 0, API.host, API.port, (error, channel) => {
      if (error) return reject(error);
      const stream = new ChannelSocket(channel, { clock, backlog });
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      resolve(stream);
    });
  });
}

interface Dialled {
  connection: SshConnection;
  socket: Socket;
  address: string;
  /** By the gateway's Unix socket, which is of this user on this machine. */
  isLocal: boolean;
}

async function dialGateway(options: UplinkOptions, signal: AbortSignal): Promise<Dialled> {
  const { nodeName, addresses, socket: path, hostKeys } = await options.gateway();
  let last: unknown = new Error('no address of a gateway is known');
  for (const address of [...(path ? [path] : []), ...addresses]) {
    const socket = address === path ? connectSocket(address) : connectSocket(target(address));
    batchWrites(socket);
    try {
      const connection = await connectSsh({
        socket,
        username: nodeName,
        privateKey: options.privateKey,
        isHostKey: key => hostKeys.includes(key),
        name: `the gateway ${address}`,
        algorithms: SSH_ALGORITHMS,
        keepalive: HEARTBEAT,
        signal,
      });
      return { connection, socket, address, isLocal: address === path };
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
    }
  }
  throw last;
}

/** Of `host:port` or `[::1]:port`. */
export function target(address: string): { host: string; port: number; noDelay: boolean } {
  const [, bracketed, host, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address) ?? [];
  return { host: bracketed ?? host ?? '', port: Number(port), noDelay: true };
}
