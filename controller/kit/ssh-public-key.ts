import { createHash, createPublicKey } from 'node:crypto';
import ssh2 from 'ssh2';

export interface SshPublicKey {
  /** `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`, … */
  type: string;
  /** As OpenSSH prints it: `SHA256:` and base64 without padding. */
  fingerprint: string;
  /** `<type> <base64>`, without its comment: equal for equal keys. */
  key: string;
  comment: string;
}

const TYPES =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/;
const MIN_RSA_BITS = 2048;
const MAX_LENGTH = 16_384;

/**
 * Reads a public key as OpenSSH writes it, one line (sshd(8), AUTHORIZED_KEYS FILE FORMAT, without options). Otherwise
 * answers with what is wrong, a sentence that does not repeat the key.
 */
export function parseSshPublicKey(text: string): SshPublicKey | { problem: string } {
  const line = text.trim();
  if (line.length > MAX_LENGTH) return { problem: 'the key is too long to be one' };
  if (/[\r\n]/.test(line)) return { problem: 'give one key, on one line' };
  if (line.includes('PRIVATE KEY'))
    return { problem: 'this is a private key; give the one in the .pub file' };
  const [type = '', data = '', ...comment] = line.split(/\s+/);
  if (!TYPES.test(type))
    return { problem: 'a key begins with its type: ssh-ed25519, ecdsa-sha2-nistp256 or ssh-rsa' };
  const blob = Buffer.from(data, 'base64');
  if (blob.toString('base64').replace(/=+$/, '') !== data.replace(/=+$/, '') || nameOf(blob) !== type)
    return { problem: `the data of the ${type} key is damaged; copy the whole line of the .pub file` };
  // ssh2 does not read the keys of security tokens; their shape was looked at above.
  if (!type.startsWith('sk-')) {
    const parsed = ssh2.utils.parseKey(`${type} ${data}`);
    if (parsed instanceof Error)
      return { problem: `the data of the ${type} key is damaged; copy the whole line of the .pub file` };
    if (type === 'ssh-rsa') {
      const bits = rsaBits(parsed.getPublicPEM());
      if (bits < MIN_RSA_BITS)
        return {
          problem: `the RSA key has ${bits} bits; ${MIN_RSA_BITS} are the least. Make one: ssh-keygen -t ed25519`,
        };
    }
  }
  return { type, fingerprint: sshFingerprint(blob), key: `${type} ${data}`, comment: comment.join(' ') };
}

/** `<type> <base64>` of a line that may be no key at all: equal for equal keys. */
export const bareSshKey = (line: string): string => line.trim().split(/\s+/, 2).join(' ');

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function sshFingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that the blob itself names (RFC 4253, 6.6). */
function nameOf(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
}

function rsaBits(pem: string): number {
  return createPublicKey(pem).asymmetricKeyDetails?.modulusLength ?? 0;
}
