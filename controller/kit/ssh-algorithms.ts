import type { Algorithms } from 'ssh2';

/**
 * What our servers and clients speak among themselves and with OpenSSH 6.5 and later. AES-GCM alone: the client's order
 * decides, OpenSSH's begins with ciphers that Node computes several times slower, and every client of note has GCM.
 */
export const SSH_ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
  serverHostKey: ['ssh-ed25519'],
  // Negotiated, and unused: GCM authenticates by itself.
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
} satisfies Algorithms;
