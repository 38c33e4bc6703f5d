import ssh2 from 'ssh2';

export interface SshKeyPair {
  /** OpenSSH's own format. */
  privateKey: string;
  /** `ssh-ed25519 AAAA… comment`, one line. */
  publicKey: string;
}

const PROBE = Buffer.from('nexus');
/** One in some 250 pairs is bad; so many in a row are not chance. */
const ATTEMPTS = 20;

/**
 * A new ed25519 key pair. ssh2 makes one in some 250 that nothing can read (a part that begins with a zero byte is
 * written too short), so each is read back and tried before it is given out.
 */
export function generateSshKey(comment = ''): SshKeyPair {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (works(pair.private, pair.public))
      return { privateKey: `${pair.private.trim()}\n`, publicKey: pair.public.trim() };
  }
  throw new Error('could not make an SSH key that works');
}

function works(privateKey: string, publicKey: string): boolean {
  const key = ssh2.utils.parseKey(privateKey);
  const known = ssh2.utils.parseKey(publicKey);
  if (key instanceof Error || known instanceof Error) return false;
  const signature = key.sign(PROBE);
  return !((signature as unknown) instanceof Error) && known.verify(PROBE, signature) === true;
}
