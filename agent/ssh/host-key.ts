import ssh2 from 'ssh2';

/** `ssh-ed25519 AAAA…` of an OpenSSH private key. Throws when it is none. */
export function publicKeyOf(privateKey: string | Buffer): string {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
}
