import { spawn } from 'node:child_process';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { GitError } from './git-error.ts';

export interface GitOptions {
  /** Folder that git is run in. */
  cwd?: string;
  /** In place of the person's own helpers; `none`: without any. */
  login?: { origin: string; username: string; password: string } | 'none';
  /** Given to its standard input. */
  stdin?: string;
  /** Defaults to two minutes. */
  timeoutMs?: Milliseconds;
}

const TIMEOUT_MS = 120_000;
const ANSWER =
  '!f() { [ "$1" != get ] || printf "username=%s\\npassword=%s\\n" "$NEXUS_GIT_USERNAME" "$NEXUS_GIT_PASSWORD"; }; f';
/** Variables that would point git at another repository, as in a hook. */
const NOT_OURS = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX', 'GIT_OBJECT_DIRECTORY'];

/**
 * Runs the person's git, with their configuration, and resolves with its standard output. It asks nothing: a login that is
 * missing is a failure. Throws GitError when it fails, CliError when it is not installed or takes too long.
 */
export function runGit(args: string[], context: CommandContext, options: GitOptions = {}): Promise<Buffer> {
  const { login, cwd, stdin, timeoutMs = TIMEOUT_MS } = options;
  const { env, clock, signal } = { ...context, env: { ...context.io.env } };
  for (const name of NOT_OURS) delete env[name];
  env.LC_ALL = 'C';
  env.GIT_TERMINAL_PROMPT = '0';
  env.GIT_ASKPASS = '';
  env.SSH_ASKPASS = '';
  env.GIT_SSH_COMMAND ??= 'ssh -o BatchMode=yes -o ConnectTimeout=20';
  const settings = ['http.lowSpeedLimit=1000', 'http.lowSpeedTime=30'];
  if (login) settings.push('credential.helper=');
  if (login && login !== 'none') {
    // By the environment of git and its children, which nobody else reads: command lines are everybody's.
    env.NEXUS_GIT_USERNAME = login.username;
    env.NEXUS_GIT_PASSWORD = login.password;
    const helper = `credential.${login.origin}.helper`;
    settings.push(`${helper}=`, `${helper}=${ANSWER}`);
  }
  context.verbose(`git ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn('git', [...settings.flatMap(one => ['-c', one]), ...args], {
      cwd: cwd ?? context.io.cwd,
      env: env as NodeJS.ProcessEnv,
      stdio: 'pipe',
    });
    let isLate = false;
    const stop = () => child.kill('SIGTERM');
    const cancel = clock.after(timeoutMs, () => {
      isLate = true;
      stop();
    });
    signal.addEventListener('abort', stop, { once: true });
    const out: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', chunk => out.push(chunk));
    child.stderr.on('data', chunk => {
      stderr = (stderr + chunk).slice(-8192);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(stdin ?? '');
    const settle = () => {
      cancel();
      signal.removeEventListener('abort', stop);
    };
    child.once('error', (cause: NodeJS.ErrnoException) => {
      settle();
      reject(
        cause.code === 'ENOENT'
          ? new CliError('git is not installed', { next: 'on Debian: apt-get install git', cause })
          : cause,
      );
    });
    child.once('close', code => {
      settle();
      if (signal.aborted) reject(signal.reason);
      else if (isLate)
        reject(
          new CliError(`git ${args[0]} did not end within ${timeoutMs / 1000} s`, {
            exitCode: EXIT.unreachable,
            next: 'check the network, then type the same again',
          }),
        );
      else if (code === 0) resolve(Buffer.concat(out));
      else reject(new GitError(stderr));
    });
  });
}

/** runGit() of a local question: its output as one line, undefined when git says no. */
export async function askGit(
  args: string[],
  context: CommandContext,
  options?: GitOptions,
): Promise<string | undefined> {
  try {
    return (await runGit(args, context, options)).toString().trim() || undefined;
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}
