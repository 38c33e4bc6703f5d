import type { Socket } from 'node:net';
import { batchWrites } from '../kit/batch-writes.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { TokenBucket } from '../kit/token-bucket.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { addressOf, type GatewayLimits, type Limiter } from './limits.ts';

/** A connection that was let in and has to log in within the grace. */
export interface Arrival {
  readonly socket: Socket;
  /** Of the peer, for limits and logs. */
  readonly address: string;
  /** It came by the gateway's Unix socket, so it is the user that the gateway runs as, on its machine. */
  readonly isLocal: boolean;
  /** It has logged in: the grace is over, the address forgiven. */
  admit(): void;
}

export interface ArrivalsOptions {
  limiter: Limiter;
  limits: GatewayLimits;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
}

const KEEP_ALIVE_MS = 30_000;
/** Lines about refused connections: a flood must not fill the disk. */
const LOG_BURST = { burst: 20, refillMs: 1_000 };

/** Lets connections in, as far as the limits go. Every socket is the gateway's own from then on, and closed in the end. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #arrivals = new WeakMap<Socket, Arrival>();
  readonly #sockets = new Set<Socket>();
  readonly #lines: TokenBucket;
  #unsaid = 0;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    this.#lines = new TokenBucket({ ...LOG_BURST, clock: options.clock });
  }

  /** Undefined when it was refused. `isLocal`: it came by the gateway's Unix socket. */
  enter(socket: Socket, isLocal: boolean): Arrival | undefined {
    const { limiter, limits, clock } = this.#options;
    const address = isLocal ? LOCAL : addressOf(socket);
    socket.on('error', () => socket.destroy());
    let failure: string | undefined;
    const drop = (why: string) => {
      failure = why;
      ticket.release();
      socket.destroy();
    };
    const entered = limiter.enter(address, () => drop('Evicted'));
    if (typeof entered === 'string') {
      this.#refuse(address, entered);
      socket.destroy();
      return undefined;
    }
    const ticket = entered;
    let isIn = false;
    const cancel = clock.after(limits.loginGraceMs, () => drop('LoginTimeout'));
    this.#sockets.add(socket);
    socket.once('close', () => {
      cancel();
      ticket.release();
      this.#sockets.delete(socket);
      // One that says nothing and goes is a health check, or a scan that learnt nothing.
      if (isIn || (failure === undefined && socket.bytesRead === 0)) return;
      if (!isLocal) ticket.fail();
      this.#refuse(address, failure ?? 'NoLogin');
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    batchWrites(socket);
    const arrival: Arrival = {
      socket,
      address,
      isLocal,
      admit() {
        isIn = true;
        cancel();
        ticket.admit();
      },
    };
    this.#arrivals.set(socket, arrival);
    return arrival;
  }

  of(socket: Socket): Arrival | undefined {
    return this.#arrivals.get(socket);
  }

  /** Cuts everything that is left. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #refuse(address: string, reason: string): void {
    this.#options.metrics.refused(reason);
    if (!this.#lines.take()) {
      this.#unsaid++;
      return;
    }
    const more = this.#unsaid > 0 ? { unsaid: this.#unsaid } : {};
    this.#unsaid = 0;
    this.#options.log.warn({ address, reason, ...more }, 'a connection was refused');
  }
}

/** In logs, for whoever comes by the Unix socket: the user that the gateway runs as. */
const LOCAL = 'local';
