import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIR = fileURLToPath(new URL('../../node_modules/.cache/debian-kubectl', import.meta.url));

/** The kubectl that Debian ships, years older than the newest: unpacked, not installed. */
export const OLD_KUBECTL = join(DIR, 'usr', 'bin', 'kubectl');

/** Throws with why it cannot be had. */
export function ensureOldKubectl(): void {
  if (existsSync(OLD_KUBECTL)) return;
  mkdirSync(DIR, { recursive: true });
  const run = (command: string, args: string[]) => {
    const { status, stderr, error } = spawnSync(command, args, { cwd: DIR, encoding: 'utf8' });
    if (status === 0) return;
    rmSync(DIR, { recursive: true, force: true });
    throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
  };
  run('apt-get', ['download', 'kubernetes-client']);
  for (const file of readdirSync(DIR).filter(name => name.endsWith('.deb'))) {
    run('dpkg', ['-x', file, '.']);
    rmSync(join(DIR, file));
  }
}
