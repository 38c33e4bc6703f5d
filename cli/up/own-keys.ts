import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { ownKeyFile } from '../ssh/places.ts';

/**
 * Makes what lets the person who runs `nexus up` into every workspace: a key of the installation's own, and
 * `<home>/authorized_keys` with it and the person's public keys. Neither is touched once it is there; edits are followed.
 */
export function ensureOwnKeys(home: string, personHome: string | undefined): void {
  const key = ownKeyFile(home);
  mkdirSync(dirname(key), { recursive: true, mode: 0o700 });
  if (!existsSync(key)) {
    const { privateKey, publicKey } = generateSshKey(`nexus ${userInfo().username}@${hostname()}`);
    writeFileSync(`${key}.pub`, `${publicKey}\n`, { mode: 0o644 });
    writeFileSync(key, privateKey, { mode: 0o600, flag: 'wx' });
    chmodSync(key, 0o600);
  }
  const file = join(home, 'authorized_keys');
  if (existsSync(file)) return;
  const own = readFileSync(`${key}.pub`, 'utf8').trim();
  const lines = [
    '# Keys that may log into every workspace of this server. Edit freely: changes are live.',
    own,
    ...publicKeys(personHome),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
}

function publicKeys(personHome: string | undefined): string[] {
  const folder = personHome && join(personHome, '.ssh');
  if (!folder || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => /^id_.*\.pub$/.test(name))
    .map(name => readFileSync(join(folder, name), 'utf8').trim());
}
