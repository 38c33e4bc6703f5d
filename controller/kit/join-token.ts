import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { Secret } from '../../crds/object.ts';
import { type Milliseconds, timestamp } from './clock.ts';

/** Type, and label, of the Secrets that tokens are kept as. */
export const JOIN_TOKEN_TYPE = 'nexus.dev/join-token';
const NAME_PREFIX = 'join-token-';
const TEXT = /^nexus-join\.([0-9a-f]{16})\.([\w-]{43})\.([\w-]{43})$/;
const PASSWORD = /^([0-9a-f]{16})\.([\w-]{43})$/;

/** What a machine is given to become a node: lets in once, and tells whom to trust. */
export interface JoinToken {
  id: string;
  /** `<id>.<secret>`: the password at the gateway. */
  password: string;
  /** SHA-256 of the gateway's host key, base64url. */
  fingerprint: string;
}

/** What is kept of a token: nothing that opens a door. */
export interface KeptToken {
  id: string;
  uid: string;
  resourceVersion: string;
  expires: Milliseconds;
  /** The one Node that it is for. */
  nodeName?: string;
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();

export const joinTokenSecretName = (id: string): string => `${NAME_PREFIX}${id}`;

/** Of a host key, `ssh-ed25519 AAAA…`. */
export function hostKeyFingerprint(publicKey: string): string {
  return sha256(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')).toString('base64url');
}

/** A new token: its text, to be shown once, and the Secret to keep. */
export function newJoinToken(options: {
  /** `ssh-ed25519 AAAA…` of the gateway. */
  hostKey: string;
  expires: Milliseconds;
  nodeName?: string;
}): { text: string; secret: Secret } {
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const { hostKey, expires, nodeName } = options;
  return {
    text: `nexus-join.${id}.${secret}.${hostKeyFingerprint(hostKey)}`,
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: joinTokenSecretName(id),
        namespace: SYSTEM_NAMESPACE,
        labels: { [JOIN_TOKEN_TYPE]: 'true' },
      },
      type: JOIN_TOKEN_TYPE,
      stringData: {
        id,
        hash: sha256(secret).toString('hex'),
        expires: timestamp(expires),
        ...(nodeName && { nodeName }),
      },
    },
  };
}

/** Undefined when the text is no token, or not all of one. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, id, secret, fingerprint] = TEXT.exec(text.trim()) ?? [];
  return id && secret && fingerprint ? { id, password: `${id}.${secret}`, fingerprint } : undefined;
}

/** The id in a password. */
export function tokenIdOf(password: string): string | undefined {
  return PASSWORD.exec(password)?.[1];
}

/** What a Secret keeps of a token; undefined when it is none. */
export function readKeptToken(secret: Secret): KeptToken | undefined {
  const field = (name: string) => Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8');
  const id = field('id');
  const expires = Date.parse(field('expires'));
  const { uid = '', resourceVersion = '', name } = secret.metadata;
  if (secret.type !== JOIN_TOKEN_TYPE || name !== joinTokenSecretName(id) || Number.isNaN(expires))
    return undefined;
  const nodeName = field('nodeName');
  return { id, uid, resourceVersion, expires, ...(nodeName && { nodeName }) };
}

/** Whether a password is the one whose digest a Secret keeps. */
export function opensToken(secret: Secret, password: string): boolean {
  const given = sha256(PASSWORD.exec(password)?.[2] ?? '');
  const kept = Buffer.from(Buffer.from(secret.data?.hash ?? '', 'base64').toString('utf8'), 'hex');
  return kept.length === given.length && timingSafeEqual(given, kept);
}
