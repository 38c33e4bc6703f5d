import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type CliOptions, type CliResult, cli } from '../run-cli.ts';
import { patience } from '../until.ts';
import type { FakeGitHub } from './fake-github.ts';

export interface PersonOptions {
  /** `none`: not on the PATH; `old`: one that is too old. Defaults to the real one. */
  gh?: 'real' | 'none' | 'old';
  /** The real gh is logged in on `host` with this token: it has left what it leaves. */
  token?: string;
  host?: string;
  env?: Record<string, string>;
}

export interface Person {
  /** HOME; NEXUS_HOME is `.nexus` in it, gh's own folder `gh`. */
  home: string;
  env: Record<string, string | undefined>;
  /** `nexus` as this person runs it. */
  nexus(args: string[], options?: CliOptions): Promise<CliResult>;
  /** A line of shell as this person, with what it said on both streams. Never throws. */
  sh(line: string): Promise<{ code: number; text: string }>;
}

/** Programs of OpenSSH and Git, and those that they run. */
const PROGRAMS = [
  'sh',
  'env',
  'cat',
  'ssh',
  'ssh-keygen',
  'ssh-add',
  'ssh-agent',
  'ssh-keyscan',
  'scp',
  'git',
];

/** Somebody with a home of their own, for whom the fake GitHub is github.com. */
export async function person(t: Test, github: FakeGitHub, options: PersonOptions = {}): Promise<Person> {
  // Of its own, as there may be several in a test.
  const home = mkdtempSync(join(tmpdir(), 'nexus-person-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  for (const folder of ['bin', 'gh', 'work']) mkdirSync(join(home, folder));
  const env: Record<string, string | undefined> = {
    HOME: home,
    NEXUS_HOME: join(home, '.nexus'),
    PATH: options.gh === undefined || options.gh === 'real' ? process.env.PATH : programs(home, options.gh),
    GH_CONFIG_DIR: join(home, 'gh'),
    ...github.env,
    ...options.env,
  };
  const one: Person = {
    home,
    env,
    nexus: (args, given = {}) => cli(args, { cwd: home, ...given, env: { ...env, ...given.env } }),
    sh: line =>
      new Promise(resolve =>
        execFile(
          'sh',
          ['-ec', line],
          { cwd: join(home, 'work'), env, timeout: patience(60_000) },
          (error, stdout, stderr) =>
            resolve({
              code: typeof error?.code === 'number' ? error.code : error ? 255 : 0,
              text: stdout + stderr,
            }),
        ),
      ),
  };
  if (options.token) {
    const host = options.host ?? 'github.com';
    const { login } = github.world.tokens.get(options.token) ?? {};
    const lines = [`${host}:`, `user: ${login}`, `oauth_token: ${options.token}`, 'git_protocol: https'];
    writeFileSync(join(home, 'gh', 'hosts.yml'), lines.join('\n    '), { mode: 0o600 });
  }
  return one;
}

/** A PATH of what is needed beside gh. */
function programs(home: string, gh: 'none' | 'old'): string {
  const bin = join(home, 'bin');
  const found = execFileSync('sh', ['-c', `command -v ${PROGRAMS.join(' ')} || true`])
    .toString()
    .trim()
    .split('\n');
  for (const path of found) symlinkSync(path, join(bin, path.split('/').at(-1) ?? ''));
  if (gh === 'old') writeFileSync(join(bin, 'gh'), '#!/bin/sh\necho gh version 2.4.0\n', { mode: 0o755 });
  return bin;
}
