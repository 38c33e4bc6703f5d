import { createHash, createPublicKey, verify } from 'node:crypto';
import ssh2, { type PublicKeyAuthContext } from 'ssh2';
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

const PRESENT = 1;
/** DER before the 32 bytes of an ed25519 public key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** DER before the 65 bytes of a point on P-256. */
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** OpenSSH's PROTOCOL.u2f: the token signs a digest of what was asked together with its own flags and counter. */
function isSignedBySecurityKey(key: Buffer, blob: Buffer, signature: Buffer): boolean {
  try {
    const parts = readStrings(key);
    const isEd25519 = parts[0]?.toString() === 'sk-ssh-ed25519@openssh.com';
    const point = isEd25519 ? parts[1] : parts[2];
    const application = isEd25519 ? parts[2] : parts[3];
    if (!point || !application) return false;
    const tail = signature.subarray(signature.length - 5);
    const raw = signature.subarray(0, signature.length - 5);
    // Somebody touched it: what OpenSSH asks for unless told otherwise.
    if (((tail[0] ?? 0) & PRESENT) === 0) return false;
    const digest = (data: Buffer) => createHash('sha256').update(data).digest();
    const signed = Buffer.concat([digest(application), tail, digest(blob)]);
    const prefix = isEd25519 ? ED25519_SPKI : P256_SPKI;
    const publicKey = createPublicKey({ key: Buffer.concat([prefix, point]), format: 'der', type: 'spki' });
    if (isEd25519) return verify(null, signed, publicKey, raw);
    const [r, s] = readStrings(raw);
    if (!r || !s) return false;
    const fixed = Buffer.concat([to32(r), to32(s)]);
    return verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, fixed);
  } catch {
    return false;
  }
}

function readStrings(data: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt32BE(at);
    if (at + 4 + length > data.length) break;
    out.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}

/** An SSH number as 32 bytes. */
function to32(number: Buffer): Buffer {
  const bytes = number.subarray(Math.max(0, number.length - 32));
  return Buffer.concat([Buffer.alloc(32 - bytes.length), bytes]);
}
