import { execFile } from 'node:child_process';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { missingProgram } from '../missing-program.ts';

/** An address that drops what it is sent costs this long. */
const CONNECT_S = 10;
const TIMEOUT_MS = 30_000;

interface Failure {
  pattern: RegExp;
  exitCode: ExitCode;
  why: string;
  next(name: string): string;
}

/** What ssh says when it cannot log in, and what helps. */
const FAILURES: readonly Failure[] = [
  {
    pattern: /permission denied|too many authentication failures/i,
    exitCode: EXIT.noAccess,
    why: 'it takes none of your SSH keys',
    next: name => `add your public key to spec.ssh.authorizedKeys (nexus edit ws ${name}), or to your User`,
  },
  {
    pattern: /host key verification failed|identification has changed|no .* host key is known/i,
    exitCode: EXIT.noAccess,
    why: 'what answers there has another host key than the server published',
    next: () => 'nexus ssh-config update; if that does not help, somebody stands between',
  },
  {
    pattern: /could not resolve hostname/i,
    exitCode: EXIT.unreachable,
    why: 'your ssh does not know it by that name',
    next: () => 'nexus ssh-config',
  },
  {
    pattern: /bad (owner|permissions)|bad configuration option|terminating, \d+ bad/i,
    exitCode: EXIT.failed,
    why: 'your ssh refuses its configuration',
    next: () => 'mend ~/.ssh/config; `ssh -G localhost` says what is wrong',
  },
];

/**
 * Logs in by plain ssh as editors do, without questions, and runs a line there; resolves with what it printed. Throws
 * CliError that says why it does not work and what helps.
 */
export function tryLogin(
  name: string,
  { args, line }: { args: string[]; line: string },
  context: CommandContext,
): Promise<string> {
  const all = ['-o', 'BatchMode=yes', '-o', `ConnectTimeout=${CONNECT_S}`, '-T', ...args, line];
  context.verbose(`ssh ${all.map(shellWord).join(' ')}`);
  const { signal } = context;
  const env = context.io.env as NodeJS.ProcessEnv;
  return new Promise((resolve, reject) => {
    execFile('ssh', all, { env, signal, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (signal.aborted) return reject(signal.reason);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        return reject(missingProgram('ssh', error as NodeJS.ErrnoException));
      const said = stderr.trim().split('\n').filter(Boolean);
      const known = FAILURES.find(({ pattern }) => pattern.test(stderr));
      reject(
        new CliError(
          `ssh does not get into workspace ${name}: ${known?.why ?? said.at(-1) ?? `no answer within ${TIMEOUT_MS / 1000} s`}`,
          {
            exitCode: known?.exitCode ?? EXIT.unreachable,
            next:
              known?.next(name) ??
              `nexus ssh ${name} -v tells which way is taken; nexus workspace status ${name}`,
            cause: error,
          },
        ),
      );
    });
  });
}
