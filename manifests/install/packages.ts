import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian package → a program of it that shows that it is there: a name on the PATH, or where it is. */
export type Packages = Record<string, string>;

/** Whether a program is on the PATH, or at its absolute path. */
export function hasProgram(name: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some(dir => {
    try {
      accessSync(name.startsWith('/') ? name : join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Those whose program is missing, and no others: a program may have come from elsewhere, and its Debian package would
 * conflict with where it came from.
 */
export function missingPackages(packages: Packages, has: (program: string) => boolean): string[] {
  return Object.keys(packages).filter(name => !has(packages[name] as string));
}

/**
 * Installs all at once, else one by one, so that one that cannot be had keeps no other out. Returns what could not be
 * installed, with why. `install` returns what went wrong, if anything.
 */
export function installWhatCanBe(
  packages: string[],
  install: (packages: string[]) => string | undefined,
): Map<string, string> {
  const problems = new Map<string, string>();
  const together = install(packages);
  if (together === undefined) return problems;
  if (packages.length === 1) return problems.set(packages[0] as string, together);
  for (const name of packages) {
    const problem = install([name]);
    if (problem !== undefined) problems.set(name, problem);
  }
  return problems;
}

/**
 * Installs the Debian packages whose program is missing. Throws when some could not be installed, saying which and why,
 * and with the exact command to run when this process may not: it is not root, or the machine has no apt.
 */
export async function ensurePackages(packages: Packages): Promise<void> {
  const missing = missingPackages(packages, hasProgram);
  if (missing.length === 0) return;
  if (!hasProgram('apt-get') || process.getuid?.() !== 0) {
    const programs = missing.map(name => packages[name]).join(', ');
    const verb = missing.length === 1 ? 'is' : 'are';
    throw new Error(`${programs} ${verb} missing; run as root: apt-get install -y ${missing.join(' ')}`);
  }
  // It may fail for one source and the install still work.
  aptGet(['update', '-q']);
  const problems = installWhatCanBe(missing, names =>
    aptGet(['install', '-y', '-q', '--no-install-recommends', ...names]),
  );
  if (problems.size === 0) return;
  const told = [...problems].map(([name, problem]) => `${name} (${problem})`);
  throw new Error(`apt-get install failed for ${told.join(', ')}`);
}

/** What went wrong, in a line, if anything. */
function aptGet(args: string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync('apt-get', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status === 0) return undefined;
  // dpkg tells on standard output what apt-get only says that there was.
  const lines = `${result.stdout}\n${result.stderr}`.split('\n');
  const told = lines.filter(line => /^(E|dpkg): |^ trying to overwrite/.test(line)).map(line => line.trim());
  return told.join(' ') || result.error?.message || `exit code ${result.status}`;
}
