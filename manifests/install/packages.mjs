// @ts-check
/**
 * Debian packages. Plain JavaScript, as `.ci/run` runs it (by test-packages.mjs) with the machine's own Node.js, beside
 * `npm ci`, which brings ours.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Debian package → a program of it that shows that it is there: a name on the PATH, or where it is.
 * @typedef {Record<string, string>} Packages
 */

/**
 * Whether a program is on the PATH, or at its absolute path.
 * @param {string} name
 */
export function hasProgram(name) {
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
 * @param {Packages} packages
 * @param {(program: string) => boolean} has
 */
export function missingPackages(packages, has) {
  return Object.entries(packages).flatMap(([name, program]) => (has(program) ? [] : name));
}

/**
 * Installs all at once, else one by one, so that one that cannot be had keeps no other out. Returns what could not be
 * installed, with why. `install` returns what went wrong, if anything.
 * @param {string[]} packages
 * @param {(packages: string[]) => Promise<string | undefined>} install
 * @returns {Promise<Map<string, string>>}
 */
export async function installWhatCanBe(packages, install) {
  const problems = new Map();
  const together = await install(packages);
  if (together === undefined) return problems;
  if (packages.length === 1) return problems.set(packages[0], together);
  for (const name of packages) {
    const problem = await install([name]);
    if (problem !== undefined) problems.set(name, problem);
  }
  return problems;
}

/**
 * Installs the Debian packages whose program is missing. Throws when some could not be installed, saying which and why,
 * and with the exact command to run when this process may not: it is not root, or the machine has no apt.
 * @param {Packages} packages
 */
export async function ensurePackages(packages) {
  const missing = missingPackages(packages, hasProgram);
  if (missing.length === 0) return;
  if (!hasProgram('apt-get') || process.getuid?.() !== 0) {
    const programs = missing.map(name => packages[name]).join(', ');
    const verb = missing.length === 1 ? 'is' : 'are';
    throw new Error(`${programs} ${verb} missing; run as root: apt-get install -y ${missing.join(' ')}`);
  }
  // It may fail for one source and the install still work.
  await aptGet(['update', '-q']);
  const problems = await installWhatCanBe(missing, names =>
    aptGet(['install', '-y', '-q', '--no-install-recommends', ...names]),
  );
  if (problems.size === 0) return;
  const told = [...problems].map(([name, problem]) => `${name} (${problem})`);
  throw new Error(`apt-get install failed for ${told.join(', ')}`);
}

/**
 * What went wrong, in a line, if anything.
 * @param {string[]} args
 * @returns {Promise<string | undefined>}
 */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return new Promise(resolve => {
    const child = execFile('apt-get', args, { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (!error) return resolve(undefined);
      // dpkg tells on standard output what apt-get only says that there was.
      const lines = `${stdout}\n${stderr}`.split('\n');
      const told = lines
        .filter(line => /^(E|dpkg): |^ trying to overwrite/.test(line))
        .map(line => line.trim());
      resolve(told.join(' ') || (error.code === undefined ? error.message : `exit code ${error.code}`));
    });
    child.stdin?.end();
  });
}
