import type { Socket } from 'node:net';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { TokenBucket } from '../kit/token-bucket.ts';

export interface GatewayLimits {
  /** Connections at once. */
  maxConnections: number;
  /** Of them, from one address. */
  maxPerAddress: number;
  /** Connections that have not logged in yet; more push out the oldest. One address has half of them at most. */
  maxPending: number;
  /** For a login, from the first byte. */
  loginGraceMs: Milliseconds;
  /** Failed logins in a row from one address before it has to wait; 0: any number. */
  maxFailures: number;
  /** One more failure is forgiven after this long. */
  forgiveMs: Milliseconds;
  /** Channels of one user's connection at once. */
  maxChannels: number;
  /** Channels of one user, over all connections, that wait for a reader; each may hold 2.5 MiB each way. */
  maxStuck: number;
  /** For how long it waits before it counts as such. */
  stuckMs: Milliseconds;
}

export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  maxConnections: 5_000,
  maxPerAddress: 2_000,
  maxPending: 200,
  loginGraceMs: 10_000,
  maxFailures: 10,
  forgiveMs: 15_000,
  maxChannels: 128,
  maxStuck: 32,
  stuckMs: 15_000,
};

export type Refusal = 'TooManyConnections' | 'TooManyFromAddress' | 'TooManyPending' | 'TooManyFailures';

/** One connection, as the limits see it. */
export interface Ticket {
  readonly address: string;
  /** It has logged in. */
  admit(): void;
  /** It did not show who it is, or showed something wrong. */
  fail(): void;
  /** It is over. */
  release(): void;
}

interface Pending {
  address: string;
  evict: () => void;
}

/** Addresses whose failures are remembered; the first half goes when there are more. */
const MAX_REMEMBERED = 20_000;

/** Counts connections by address and says which may come in. */
export class Limiter {
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  readonly #open = new Map<string, number>();
  readonly #pendingOf = new Map<string, number>();
  /** In the order in which they came. */
  readonly #pending = new Set<Pending>();
  readonly #failures = new Map<string, TokenBucket>();
  readonly #banned = new Map<string, Milliseconds>();
  #total = 0;

  constructor(limits: GatewayLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** `evict` closes the connection when others need its place. */
  enter(address: string, evict: () => void): Ticket | Refusal {
    const { maxConnections, maxPerAddress, maxPending } = this.#limits;
    if (this.#isBanned(address)) return 'TooManyFailures';
    if (this.#total >= maxConnections) return 'TooManyConnections';
    if ((this.#open.get(address) ?? 0) >= maxPerAddress) return 'TooManyFromAddress';
    if ((this.#pendingOf.get(address) ?? 0) >= Math.ceil(maxPending / 2)) return 'TooManyPending';
    if (this.#pending.size >= maxPending) {
      // Whoever means it has logged in long before: the oldest is the least likely to.
      const [oldest] = this.#pending;
      oldest?.evict();
    }
    return this.#ticket(address, evict);
  }

  #ticket(address: string, evict: () => void): Ticket {
    this.#total++;
    add(this.#open, address, 1);
    add(this.#pendingOf, address, 1);
    const entry: Pending = { address, evict };
    this.#pending.add(entry);
    let isOpen = true;
    const settle = () => {
      if (this.#pending.delete(entry)) add(this.#pendingOf, address, -1);
    };
    return {
      address,
      admit: settle,
      fail: () => this.#fail(address),
      release: () => {
        if (!isOpen) return;
        isOpen = false;
        settle();
        this.#total--;
        add(this.#open, address, -1);
      },
    };
  }

  #fail(address: string): void {
    const { maxFailures, forgiveMs } = this.#limits;
    if (maxFailures === 0) return;
    const clock = this.#clock;
    let bucket = this.#failures.get(address);
    if (!bucket) {
      bucket = new TokenBucket({ burst: maxFailures, refillMs: forgiveMs, clock });
      forgetOldest(this.#failures);
      this.#failures.set(address, bucket);
    }
    if (bucket.take()) return;
    forgetOldest(this.#banned);
    this.#banned.set(address, clock.uptime() + forgiveMs);
  }

  #isBanned(address: string): boolean {
    const until = this.#banned.get(address);
    if (until === undefined) return false;
    if (until > this.#clock.uptime()) return true;
    this.#banned.delete(address);
    return false;
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < MAX_REMEMBERED) return;
  let left = MAX_REMEMBERED / 2;
  for (const key of map.keys()) {
    if (left-- === 0) return;
    map.delete(key);
  }
}

/** Of IPv6 the first half: the rest is one customer's to choose. A connection that was reset already has none. */
export function addressOf({ remoteAddress }: Pick<Socket, 'remoteAddress'>): string {
  if (!remoteAddress) return 'gone';
  const plain = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.replace(/%.*$/, '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
