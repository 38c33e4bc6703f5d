import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSshKey, type SshKey } from '../kit/ssh-key-file.ts';

export interface HostKeys {
  /** With which the gateway answers. */
  own: SshKey;
  /** Its own and those that are to take its place: `ssh-ed25519 AAAA…`. */
  published: string[];
}

const OWN = 'ssh_host_ed25519_key';
const LINE = /^(ssh-ed25519 [A-Za-z0-9+/]+={0,2})(\s|$)/;

/**
 * The gateway's host key in `dir`, made at the first call. Every public key beside it (`*.pub`) is published with it, so
 * that a key can be replaced: put the next one there, wait until everybody has heard of it, and swap.
 */
export async function loadHostKeys(dir: string): Promise<HostKeys> {
  const own = await loadSshKey(join(dir, OWN), 'nexus-gateway');
  const files = (await readdir(dir)).filter(name => name.endsWith('.pub')).sort();
  const texts = await Promise.all(files.map(name => readFile(join(dir, name), 'utf8')));
  const others = texts.flatMap(text => LINE.exec(text.trim())?.[1] ?? []);
  return { own, published: [...new Set([own.publicKey, ...others])] };
}
