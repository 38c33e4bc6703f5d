import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { readPreferences } from '../read-preferences.ts';
import { ownKeyFile } from './places.ts';

/** Those that ssh looks for by itself, in its order. */
const DEFAULTS = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];

/** `NEXUS_SSH_KEY_PATH`, else the preferred one (`ssh.keyPath`). */
export function preferredKey(home: string, env: Record<string, string | undefined>): string | undefined {
  const path = env.NEXUS_SSH_KEY_PATH || readPreferences(home).ssh?.keyPath;
  return path?.replace(/^~(?=\/)/, env.HOME || homedir());
}

/** Where ssh looks, whatever HOME says. */
function accountHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    return homedir();
  }
}

/**
 * Keys to name to ssh: the preferred one, then the installation's own. Named ones take the place of those
 * that ssh finds by itself, so those are named as well. Empty: ssh's own choice stands.
 */
export function identityFiles(home: string, env: Record<string, string | undefined>): string[] {
  const person = env.HOME || homedir();
  const ours = [preferredKey(home, env), ownKeyFile(home)].filter(
    file => file !== undefined && existsSync(file),
  );
  if (ours.length === 0 && person === accountHome()) return [];
  const usual = DEFAULTS.map(name => join(person, '.ssh', name)).filter(existsSync);
  return [...new Set([...(ours as string[]), ...usual])];
}
