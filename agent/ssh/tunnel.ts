import { connect as connectSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client as SshClient } from 'ssh2';
import { slept } from '../../controller/kit/abort.ts';
import { fullJitterMs } from '../../controller/kit/backoff.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import type { Logger } from '../../controller/kit/log.ts';
import type { TunnelState } from '../model/observed.ts';
import { connectSsh, type SshConnection } from './connect-ssh.ts';

/** Where an instance's sshd is and who it must be. Another value of any of these is another tunnel. */
export interface TunnelTarget {
  instanceId: string;
  /** When the instance was started: a restarted one is dialled anew at once. */
  startedAt?: string;
  /** Tried in order. */
  addresses: { host: string; port: number }[];
  user: string;
  /** `ssh-ed25519 AAAA…`, checked strictly. */
  hostPublicKey: string;
}

/** One SSH connection into an instance, made again whenever it breaks, until it is stopped. */
export interface Tunnel {
  readonly state: TunnelState;
  /** Dials now instead of waiting for the backoff; nothing when it is connected. */
  kick(): void;
  /** A stream to a port of the instance's loopback. Rejects when there is no connection or nobody listens. */
  open(port: number): Promise<Duplex>;
  stop(): Promise<void>;
}

export interface TunnelOptions {
  target: TunnelTarget;
  privateKey: string;
  clock: Clock;
  log: Logger;
  random: () => number;
  onChange: () => void;
}

export type TunnelFactory = (target: TunnelTarget, onChange: () => void) => Tunnel;

const KEEPALIVE_MS = 15_000;
const BACKOFF = { baseMs: 200, maxMs: 15_000 };
/** What has just been started is told before it is dialled, and does not listen yet. */
const FIRST_MS = 20;
/** The first dials come at short notice: sshd is about to listen. */
const QUICK_DIALS = 10;
const QUICK_MS = 50;

export function createTunnel(options: TunnelOptions): Tunnel {
  const { target, clock, log, random, onChange } = options;
  const stopping = new AbortController();
  let state: TunnelState = { state: 'Connecting' };
  let client: SshClient | undefined;
  let wake: (() => void) | undefined;
  const set = (next: TunnelState) => {
    const same = next.state === state.state && next.message === state.message;
    state = next;
    if (!same && !stopping.signal.aborted) onChange();
  };

  /** False when it was cut short. */
  const napped = async (ms: Milliseconds) => {
    const nap = new AbortController();
    wake = () => nap.abort();
    const passed = await slept(clock, ms, AbortSignal.any([nap.signal, stopping.signal]));
    wake = undefined;
    return passed;
  };

  const run = async () => {
    await napped(FIRST_MS);
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      try {
        const connection = await dial(options, stopping.signal);
        client = connection.client;
        attempt = -1;
        log.debug({ instance: target.instanceId }, 'tunnel connected');
        set({ state: 'Connected' });
        await connection.closed;
        client = undefined;
        if (!stopping.signal.aborted) set({ state: 'Connecting' });
      } catch (error) {
        if (stopping.signal.aborted) break;
        const message = (error as Error).message;
        if (attempt >= QUICK_DIALS) set({ state: 'Failed', message });
        const ms =
          attempt < QUICK_DIALS ? QUICK_MS : fullJitterMs(attempt - QUICK_DIALS, BACKOFF, random) + QUICK_MS;
        if (!(await napped(ms))) attempt = -1;
      }
    }
  };
  const running = run();

  return {
    get state() {
      return state;
    },
    kick: () => wake?.(),
    open(port) {
      const live = client;
      if (!live) return Promise.reject(new Error('no connection to the workspace'));
      return new Promise((resolve, reject) => {
        try {
          live.forwardOut('127.0.0.1', 0, '127.0.0.1', port, (error, channel) =>
            error ? reject(error) : resolve(channel),
          );
        } catch (error) {
          reject(error);
        }
      });
    },
    async stop() {
      stopping.abort();
      client?.end();
      client?.destroy();
      await running;
    },
  };
}

async function dial(options: TunnelOptions, signal: AbortSignal): Promise<SshConnection> {
  const { target, privateKey } = options;
  let last: unknown = new Error('no address');
  for (const { host, port } of target.addresses) {
    try {
      return await connectSsh({
        socket: connectSocket({ host, port, noDelay: true }),
        username: target.user,
        privateKey,
        isHostKey: key => key === target.hostPublicKey,
        name: `${host}:${port}`,
        keepalive: { everyMs: KEEPALIVE_MS, missed: 3 },
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
    }
  }
  throw last;
}
