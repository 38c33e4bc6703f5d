import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface SshKeyPair {
  /** OpenSSH's own format. */
  privateKey: string;
  /** `ssh-ed25519 AAAA… comment`, one line. */
  publicKey: string;
}

const TYPE = 'ssh-ed25519';
const LINE_LENGTH = 70;
const BLOCK_BYTES = 8;

/**
 * A new ed25519 key pair, written as OpenSSH's PROTOCOL.key says. Not by ssh2: of one in some 250 it writes a part that
 * begins with a zero byte too short, and nothing can read it.
 */
export function generateSshKey(comment = ''): SshKeyPair {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  const blob = Buffer.concat([text(TYPE), text(point)]);
  const check = randomBytes(4);
  const key = Buffer.concat([check, check, blob, text(Buffer.concat([seed, point])), text(comment)]);
  const padding = Buffer.from(Array.from({ length: -key.length & (BLOCK_BYTES - 1) }, (_, i) => i + 1));
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[text('none'), text('none'), text(''), number(1), text(blob)],
    text(Buffer.concat([key, padding])),
  ]);
  const lines = whole.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return {
    privateKey: [
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      ...lines,
      '-----END OPENSSH PRIVATE KEY-----',
      '',
    ].join('\n'),
    publicKey: [TYPE, blob.toString('base64'), comment].filter(Boolean).join(' '),
  };
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `string` of RFC 4251. */
function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}
