import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KubeObject } from '../../../crds/object.ts';
import { BoundedMap } from '../../kit/bounded-map.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { timestamp } from '../../kit/clock.ts';
import { ApiError } from '../../kit/errors.ts';
import { type Entry, type Store, StoreError } from '../../store/store.ts';
import { type Authenticator, bearerToken, GROUP_AUTHENTICATED, type Identity } from './identity.ts';

/** Outside the keys of every resource, so that no request can read it. */
const PREFIX = '/internal.nexus.dev/tokens//';
/** Tokens kept in memory, so that one in use is hashed once. */
const MAX_VERIFIED = 1000;
/** This server, as an audience of tokens: the name that Kubernetes' API server has by default. */
export const API_AUDIENCE = 'https://kubernetes.default.svc';
const TOKEN = /^nexus_([a-z0-9]{16})_([A-Za-z0-9_-]{43})$/;

interface TokenRecord extends KubeObject {
  spec: {
    /** SHA-256 of the secret part, hex. */
    hash: string;
    user: string;
    uid?: string;
    groups: string[];
    extra?: Record<string, string[]>;
    description?: string;
    /** RFC 3339; absent: never. */
    expires?: string;
    /** Whom it may be shown to. Absent: this server. */
    audiences?: string[];
    /** Keys and uids of the objects that it holds no longer than. */
    bound?: { key: string; uid: string }[];
  };
}

export interface TokenRequest {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  /** For people who list tokens. */
  readonly description?: string;
  /** Defaults to no end. */
  readonly ttlMs?: Milliseconds;
  /** Whom it may be shown to. Defaults to this server. */
  readonly audiences?: readonly string[];
  /** Keys and uids of objects in the store that it holds no longer than. */
  readonly bound?: readonly { readonly key: string; readonly uid: string }[];
}

/** A token without its secret. */
export interface TokenInfo {
  readonly id: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly description?: string;
  readonly created?: string;
  readonly expires?: string;
}

interface Verified {
  readonly entry: Entry;
  readonly identity: Identity;
  readonly spec: TokenRecord['spec'];
}

/**
 * Bearer tokens, `nexus_<id>_<secret>`. Only the SHA-256 of the secret is stored; secrets have 256 random bits, so a
 * slow hash would add nothing. Revoking and expiry take effect at once: every check looks at the store's memory.
 */
export class Tokens implements Authenticator {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #onRevoked: () => void;
  readonly #holds: (identity: Identity) => boolean;
  /** Tokens found to be right, with the entry they were checked against. */
  readonly #verified = new BoundedMap<string, Verified>(MAX_VERIFIED);

  /**
   * `onRevoked` is called after a token was revoked; `holds` is asked at each use whether whoever it stands for still is
   * who they were.
   */
  constructor(
    store: Store,
    clock: Clock,
    {
      onRevoked = () => {},
      holds = () => true,
    }: { onRevoked?: () => void; holds?: (identity: Identity) => boolean } = {},
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onRevoked = onRevoked;
    this.#holds = holds;
  }

  /** The token is returned here and never again. */
  async create(request: TokenRequest): Promise<{ id: string; token: string }> {
    const id = randomBytes(10).toString('hex').slice(0, 16);
    const secret = randomBytes(32).toString('base64url');
    const { user, groups, uid, extra, description, ttlMs, audiences, bound } = request;
    const now = this.#clock.now();
    const record: TokenRecord = {
      apiVersion: 'internal.nexus.dev/v1',
      kind: 'Token',
      metadata: { name: id, creationTimestamp: timestamp(now) },
      spec: {
        hash: hashOf(secret).toString('hex'),
        user,
        groups: [...groups],
        ...(uid !== undefined && { uid }),
        ...(extra && { extra: Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, [...v]])) }),
        ...(description !== undefined && { description }),
        ...(ttlMs !== undefined && { expires: timestamp(now + ttlMs) }),
        ...(audiences && { audiences: [...audiences] }),
        ...(bound && { bound: bound.map(({ key, uid }) => ({ key, uid })) }),
      },
    };
    await this.#store.create(PREFIX + id, record);
    return { id, token: `nexus_${id}_${secret}` };
  }

  /** Who the token stands for; undefined when it is unknown, wrong, revoked or expired. Same time for all of these. */
  verify(token: string): Identity | undefined {
    return this.review(token)?.identity;
  }

  /** The same for whoever it was shown to; `audiences` are those of them that it is meant for, and never none. */
  review(
    token: string,
    shownTo: readonly string[] = [API_AUDIENCE],
  ): { identity: Identity; audiences: string[] } | undefined {
    const known = this.#identify(token);
    if (!known || !this.#holds(known.identity)) return undefined;
    const { identity, spec } = known;
    const { audiences: meant = [API_AUDIENCE], bound = [] } = spec;
    if (bound.some(({ key, uid }) => this.#store.get(key)?.object.metadata.uid !== uid)) return undefined;
    const audiences = shownTo.filter(audience => meant.includes(audience));
    return audiences.length > 0 ? { identity, audiences } : undefined;
  }

  #identify(token: string): Verified | undefined {
    const match = TOKEN.exec(token);
    if (!match) return undefined;
    const entry = this.#store.get(PREFIX + match[1]);
    const record = entry?.object as TokenRecord | undefined;
    const known = this.#verified.get(token);
    const { expires } = record?.spec ?? {};
    const expired = expires !== undefined && Date.parse(expires) <= this.#clock.now();
    if (known && known.entry === entry && !expired) return known;
    const wanted = record ? Buffer.from(record.spec.hash, 'hex') : Buffer.alloc(32);
    const matches = timingSafeEqual(hashOf(match[2]!), wanted);
    if (!entry || !record || !matches || expired) {
      this.#verified.delete(token);
      return undefined;
    }
    return this.#remember(token, entry, record);
  }

  /** Whether there was such a token. */
  async revoke(id: string): Promise<boolean> {
    for (;;) {
      const entry = this.#store.get(PREFIX + id);
      if (!entry) return false;
      try {
        await this.#store.delete(entry.key, entry.revision);
        this.#onRevoked();
        return true;
      } catch (error) {
        if (!(error instanceof StoreError && (error.code === 'Conflict' || error.code === 'NotFound')))
          throw error;
      }
    }
  }

  /** The same of a token that is shown. */
  async revokeToken(token: string): Promise<boolean> {
    const [, id = ''] = TOKEN.exec(token) ?? [];
    return this.#identify(token) !== undefined && this.revoke(id);
  }

  /** Removes those that have expired. */
  async sweep(): Promise<void> {
    const now = this.#clock.now();
    for (const { id, expires } of this.list())
      if (expires !== undefined && Date.parse(expires) <= now) await this.revoke(id);
  }

  list(): TokenInfo[] {
    return this.#store.list(PREFIX).entries.map(({ object }) => {
      const { metadata, spec } = object as TokenRecord;
      const { user, groups, description, expires } = spec;
      return { id: metadata.name, user, groups, description, created: metadata.creationTimestamp, expires };
    });
  }

  authenticate(request: Parameters<Authenticator['authenticate']>[0]): Identity | undefined {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    const identity = this.verify(token);
    if (!identity) throw new ApiError('Unauthorized', 'Unauthorized');
    return identity;
  }

  #remember(token: string, entry: Entry, { spec }: TokenRecord): Verified {
    const identity: Identity = Object.freeze({
      name: spec.user,
      groups: [...new Set([...spec.groups, GROUP_AUTHENTICATED])],
      ...(spec.uid !== undefined && { uid: spec.uid }),
      ...(spec.extra && { extra: spec.extra }),
    });
    const verified = { entry, identity, spec };
    this.#verified.set(token, verified);
    return verified;
  }
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();
