import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A virtual environment of Python at `dir` with one package of PyPI in it, `name==version`. Rejects with why it cannot be had. */
export async function installPythonEnv(dir: string, requirement: string): Promise<void> {
  try {
    await run('python3', ['-m', 'venv', dir]);
    // What is imported is compiled then; all of it would take longer than the rest.
    await run(join(dir, 'bin', 'pip'), ['install', '--quiet', '--no-compile', requirement]);
  } catch (cause) {
    rmSync(dir, { recursive: true, force: true });
    const { message, stderr = '' } = cause as Error & { stderr?: string };
    throw new Error(`${requirement}: ${stderr.trim().split('\n').at(-1) || message}`, { cause });
  }
}
