import { createHash, createPublicKey, verify } from 'node:crypto';
import { readStrings, toFixed } from './ssh-wire.ts';

const PRESENT = 1;
const TAIL_BYTES = 5;
/** DER before the 32 bytes of an ed25519 public key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** DER before the 65 bytes of a point on P-256. */
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/**
 * Whether a security token signed `data` (OpenSSH's PROTOCOL.u2f): it signs a digest of what was asked together with its
 * own flags and counter, the last five bytes of `signature`.
 */
export function isSignedBySecurityKey(key: Buffer, data: Buffer, signature: Buffer): boolean {
  try {
    const parts = readStrings(key);
    const isEd25519 = parts[0]?.toString() === 'sk-ssh-ed25519@openssh.com';
    const point = isEd25519 ? parts[1] : parts[2];
    const application = isEd25519 ? parts[2] : parts[3];
    if (!point || !application) return false;
    const tail = signature.subarray(signature.length - TAIL_BYTES);
    const raw = signature.subarray(0, signature.length - TAIL_BYTES);
    // Somebody touched it: what OpenSSH asks for unless told otherwise.
    if (((tail[0] ?? 0) & PRESENT) === 0) return false;
    const digest = (of: Buffer) => createHash('sha256').update(of).digest();
    const signed = Buffer.concat([digest(application), tail, digest(data)]);
    const prefix = isEd25519 ? ED25519_SPKI : P256_SPKI;
    const publicKey = createPublicKey({ key: Buffer.concat([prefix, point]), format: 'der', type: 'spki' });
    if (isEd25519) return verify(null, signed, publicKey, raw);
    const [r, s] = readStrings(raw);
    if (!r || !s) return false;
    const fixed = Buffer.concat([toFixed(r, 32), toFixed(s, 32)]);
    return verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, fixed);
  } catch {
    return false;
  }
}
