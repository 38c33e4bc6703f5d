import { createPublicKey } from 'node:crypto';
import ssh2, { type PublicKeyAuthContext } from 'ssh2';
import { isSignedBySecurityKey } from '../kit/security-key.ts';
import type { Identities, Peer } from './identities.ts';

export type Verdict =
  /** The key may log in; a signature must show that it is theirs. */
  | { kind: 'offered' }
  | { kind: 'accepted'; peer: Peer }
  | { kind: 'refused'; why: 'UnknownKey' | 'AmbiguousKey' | 'BadSignature' | 'WeakKey' };

const MIN_RSA_BITS = 2048;

/**
 * The key decides who somebody is and the SSH user name is free, except that it chooses among several to whom one key
 * belongs.
 */
export function judgeKey(context: PublicKeyAuthContext, identities: Identities): Verdict {
  const key = context.key.data.toString('base64');
  const owners = identities.find(key);
  if (owners.length === 0) return { kind: 'refused', why: 'UnknownKey' };
  const named = owners.length === 1 ? owners : owners.filter(({ name }) => name === context.username);
  const [peer] = named;
  if (!peer || named.length > 1) return { kind: 'refused', why: 'AmbiguousKey' };
  if (isWeak(context)) return { kind: 'refused', why: 'WeakKey' };
  if (!context.signature) return { kind: 'offered' };
  return isSigned(context) ? { kind: 'accepted', peer } : { kind: 'refused', why: 'BadSignature' };
}

/** A short RSA key, or one that signs with SHA-1. */
function isWeak({ key, hashAlgo, signature }: PublicKeyAuthContext): boolean {
  if (key.algo !== 'ssh-rsa') return false;
  const parsed = ssh2.utils.parseKey(key.data);
  if (parsed instanceof Error) return true;
  const bits = createPublicKey(parsed.getPublicPEM()).asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < MIN_RSA_BITS || (signature !== undefined && hashAlgo === undefined);
}

function isSigned(context: PublicKeyAuthContext): boolean {
  const { key, blob, signature, hashAlgo } = context;
  if (!blob || !signature) return false;
  if (key.algo.startsWith('sk-')) return isSignedBySecurityKey(key.data, blob, signature);
  const parsed = ssh2.utils.parseKey(key.data);
  return !(parsed instanceof Error) && parsed.verify(blob, signature, hashAlgo) === true;
}
