import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';

const NEEDED = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  ip: 'iproute2',
  dockerd: 'docker.io',
};

/** Why tests that break an engine of their own are skipped; false when they can be run. */
export function noOwnNetwork(): string | false {
  if (process.getuid?.() !== 0) return 'an engine and a network of their own are made as root';
  const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const [program, name] of Object.entries(NEEDED))
    if (!path.some(dir => isExecutable(join(dir, program))))
      return `${program} is not installed: apt-get install ${name}`;
  return false;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a test file in a network of its own, with loopback alone, and with mounts of its own: an engine started in it has
 * addresses and firewall rules to itself. Its tests are reported as a subtest.
 */
export async function runInOwnNetwork(t: Test, file: URL, timeoutMs: number): Promise<void> {
  // tap would have the process load its record of what is loaded, by this variable.
  const inside = 'ip link set lo up && unset NODE_OPTIONS && exec "$@"';
  await t.spawn(
    'unshare',
    ['--net', '--mount', 'sh', '-c', inside, 'sh', process.execPath, ...process.execArgv, file.pathname],
    { timeout: timeoutMs },
    'in a network of its own',
  );
}
