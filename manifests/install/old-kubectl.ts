import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DIR = fileURLToPath(new URL('../../node_modules/.cache/debian-kubectl', import.meta.url));

/** The kubectl that Debian ships, years older than the newest: unpacked, not installed, unless it is anyway. */
export const OLD_KUBECTL = join(DIR, 'usr', 'bin', 'kubectl');

const INSTALLED = '/usr/bin/kubectl';

/** Rejects with why it cannot be had. */
export async function ensureOldKubectl(): Promise<void> {
  if (existsSync(OLD_KUBECTL)) return;
  mkdirSync(dirname(OLD_KUBECTL), { recursive: true });
  const isDebians = await run('dpkg', ['-S', INSTALLED]).then(
    ({ stdout }) => stdout.startsWith('kubernetes-client:'),
    () => false,
  );
  if (isDebians) return symlinkSync(INSTALLED, OLD_KUBECTL);
  try {
    await run('apt-get', ['download', 'kubernetes-client'], { cwd: DIR });
    for (const file of readdirSync(DIR).filter(name => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', file, '.'], { cwd: DIR });
      rmSync(join(DIR, file));
    }
  } catch (cause) {
    rmSync(DIR, { recursive: true, force: true });
    const { message, stderr = '' } = cause as Error & { stderr?: string };
    throw new Error(`Debian's kubectl: ${stderr.trim().split('\n').at(-1) || message}`, { cause });
  }
}
