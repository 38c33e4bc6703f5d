import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a program is on the PATH. */
export function hasProgram(name: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some(dir => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Installs Debian packages when one of the `programs` (program → package) is missing. Throws with the exact command to
 * run when this process may not: it is not root, or the machine has no apt.
 */
export async function ensurePackages(packages: string[], programs: Record<string, string>): Promise<void> {
  if (Object.keys(programs).every(hasProgram)) return;
  const command = `apt-get install -y ${packages.join(' ')}`;
  if (!hasProgram('apt-get') || process.getuid?.() !== 0) {
    throw new Error(`${Object.keys(programs).find(p => !hasProgram(p))} is missing; run as root: ${command}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-q'],
    ['install', '-y', '-q', '--no-install-recommends', ...packages],
  ]) {
    const result = spawnSync('apt-get', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    // An update may fail for one source and the install still work.
    if (result.status !== 0 && args[0] === 'install') {
      throw new Error(`${command} failed: ${result.stderr.trim().split('\n').at(-1)}`);
    }
  }
}
