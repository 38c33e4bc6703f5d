import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '4.32.5';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIR = join(ROOT, 'node_modules', '.cache', `schemathesis-${VERSION}`);

/** The fuzzer of the REST API, where Python is present. */
export const SCHEMATHESIS = join(DIR, 'bin', 'schemathesis');

/** Installs it beside the project's dependencies. Throws with why it cannot be had. */
export function ensureSchemathesis(): void {
  if (existsSync(SCHEMATHESIS)) return;
  const run = (command: string, args: string[]) => {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) return;
    rmSync(DIR, { recursive: true, force: true });
    throw new Error(
      `schemathesis: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? `${command} failed`}`,
    );
  };
  run('python3', ['-m', 'venv', DIR]);
  run(join(DIR, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`]);
}
