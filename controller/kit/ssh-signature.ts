import { createHash, createPublicKey, verify } from 'node:crypto';
import ssh2 from 'ssh2';
import { isSignedBySecurityKey } from './security-key.ts';
import { parseSshPublicKey, type SshPublicKey } from './ssh-public-key.ts';
import { readStrings, toFixed, writeString } from './ssh-wire.ts';

const MAGIC = 'SSHSIG';
const VERSION = 1;
const MAX_LENGTH = 64 * 1024;
const HASHES = new Set(['sha256', 'sha512']);
const CURVES: Readonly<Record<string, { hash: string; bytes: number }>> = {
  'ecdsa-sha2-nistp256': { hash: 'sha256', bytes: 32 },
  'ecdsa-sha2-nistp384': { hash: 'sha384', bytes: 48 },
  'ecdsa-sha2-nistp521': { hash: 'sha512', bytes: 66 },
};

/**
 * The key that signed `message` for `namespace`, of a signature as `ssh-keygen -Y sign` writes it (OpenSSH's
 * PROTOCOL.sshsig). Undefined when it does not hold, for whatever reason; so it is for RSA with SHA-1.
 */
export function signerOf(armored: string, message: string, namespace: string): SshPublicKey | undefined {
  try {
    return read(armored, message, namespace);
  } catch {
    return undefined;
  }
}

function read(armored: string, message: string, namespace: string): SshPublicKey | undefined {
  if (armored.length > MAX_LENGTH) return undefined;
  const [, base64] =
    /^-----BEGIN SSH SIGNATURE-----\s([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*$/.exec(armored) ?? [];
  const data = Buffer.from(base64 ?? '', 'base64');
  const head = MAGIC.length;
  if (data.subarray(0, head).toString() !== MAGIC || data.readUInt32BE(head) !== VERSION) return undefined;
  const [keyBlob, signedFor, reserved, hash, signature] = readStrings(data.subarray(head + 4));
  if (!keyBlob || !reserved || !signature || signedFor?.toString() !== namespace) return undefined;
  const hashName = hash?.toString() ?? '';
  if (!HASHES.has(hashName)) return undefined;
  const type = readStrings(keyBlob)[0]?.toString() ?? '';
  const key = parseSshPublicKey(`${type} ${keyBlob.toString('base64')}`);
  if ('problem' in key) return undefined;
  const signed = Buffer.concat([
    Buffer.from(MAGIC),
    ...[namespace, reserved, hashName, createHash(hashName).update(message).digest()].map(writeString),
  ]);
  return isSigned(type, keyBlob, signed, signature) ? key : undefined;
}

function isSigned(type: string, keyBlob: Buffer, data: Buffer, signature: Buffer): boolean {
  const [name, raw] = readStrings(signature);
  const algorithm = name?.toString() ?? '';
  if (!raw) return false;
  if (type.startsWith('sk-')) {
    // Flags and counter come after the string, bare.
    const tail = signature.subarray(8 + (name?.length ?? 0) + raw.length);
    return algorithm === type && isSignedBySecurityKey(keyBlob, data, Buffer.concat([raw, tail]));
  }
  const parsed = ssh2.utils.parseKey(`${type} ${keyBlob.toString('base64')}`);
  if (parsed instanceof Error) return false;
  const key = createPublicKey(parsed.getPublicPEM());
  if (type === 'ssh-rsa') {
    const hash = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm];
    return hash !== undefined && verify(hash, data, key, raw);
  }
  if (algorithm !== type) return false;
  if (type === 'ssh-ed25519') return verify(null, data, key, raw);
  const curve = CURVES[type];
  const [r, s] = readStrings(raw);
  if (!curve || !r || !s) return false;
  const fixed = Buffer.concat([toFixed(r, curve.bytes), toFixed(s, curve.bytes)]);
  return verify(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, fixed);
}
