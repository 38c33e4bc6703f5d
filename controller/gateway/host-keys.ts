import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Milliseconds } from '../kit/clock.ts';
import { loadSshKey, type SshKey } from '../kit/ssh-key-file.ts';
import { writeFileWhole } from '../kit/write-file.ts';

export interface HostKeys {
  /** With which the gateway answers. */
  own: SshKey;
  /** Its own, the first one, and those that are to take its place: `ssh-ed25519 AAAA…`. */
  published: string[];
  /** Since when there is one that is to take its place; milliseconds since the epoch. */
  nextSince?: Milliseconds;
}

const OWN = 'ssh_host_ed25519_key';
const NEXT = `${OWN}.next`;
const LINE = /^(ssh-ed25519 [A-Za-z0-9+/]+={0,2})(\s|$)/;

/**
 * The gateway's host key in `dir`, made at the first call. Every public key beside it (`*.pub`) is published with it, so
 * that a key can be replaced once everybody has heard of the next one.
 */
export async function loadHostKeys(dir: string): Promise<HostKeys> {
  const own = await loadSshKey(join(dir, OWN), 'nexus-gateway');
  const files = (await readdir(dir)).filter(name => name.endsWith('.pub')).sort();
  const texts = await Promise.all(files.map(name => readFile(join(dir, name), 'utf8')));
  const others = texts.flatMap(text => LINE.exec(text.trim())?.[1] ?? []);
  const next = join(dir, NEXT);
  return {
    own,
    published: [...new Set([own.publicKey, ...others])],
    ...(existsSync(next) && { nextSince: (await stat(next)).mtimeMs }),
  };
}

/** Makes the key that is to take the place of the present one. Again it changes nothing. */
export async function makeNextHostKey(dir: string): Promise<void> {
  const { publicKey } = await loadSshKey(join(dir, NEXT), 'nexus-gateway');
  await writeFileWhole(join(dir, `${NEXT}.pub`), `${publicKey} nexus-gateway\n`, { mode: 0o644 });
}

/** The next key is the gateway's from now on. */
export async function takeNextHostKey(dir: string): Promise<void> {
  await rename(join(dir, NEXT), join(dir, OWN));
  await dropNextHostKey(dir);
}

export async function dropNextHostKey(dir: string): Promise<void> {
  for (const name of [NEXT, `${NEXT}.pub`]) await rm(join(dir, name), { force: true });
}
