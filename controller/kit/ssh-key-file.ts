import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import ssh2 from 'ssh2';
import { generateSshKey } from './ssh-key.ts';
import { writeFileWhole } from './write-file.ts';

export interface SshKey {
  /** OpenSSH's own format. */
  privateKey: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  publicKey: string;
}

/** `ssh-ed25519 AAAA…` of an OpenSSH private key. Throws when it is none. */
export function publicKeyOf(privateKey: string | Buffer): string {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
}

/**
 * The ed25519 key in a file (0600), made at the first call with its folder (0700). A file that is there but is no key is
 * an error: it is not ours to overwrite.
 */
export async function loadSshKey(path: string, comment: string): Promise<SshKey> {
  const there = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there !== undefined) return parse(path, there);
  const { privateKey } = generateSshKey(comment);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileWhole(path, privateKey);
  return parse(path, privateKey);
}

function parse(path: string, privateKey: string): SshKey {
  try {
    return { privateKey, publicKey: publicKeyOf(privateKey) };
  } catch (cause) {
    throw new Error(`${path} is not an OpenSSH private key; move it away and start again`, { cause });
  }
}
