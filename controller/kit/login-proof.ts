import { X509Certificate } from 'node:crypto';

/** Of SSHSIG: a signature for anything else proves nothing here. */
export const LOGIN_NAMESPACE = 'login@nexus.dev';

/**
 * What a person signs to log in: the server by its authority, so that no other server can pass the signature on, and the
 * server's challenge, so that it holds once.
 */
export function loginMessage(server: string, challenge: string): string {
  return `nexus login\nserver ${server}\nchallenge ${challenge}\n`;
}

/** SHA-256 of a certificate (PEM) as `openssl x509 -fingerprint -sha256` prints it: upper-case hex with colons. */
export function certificateFingerprint(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}
