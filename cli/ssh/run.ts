import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { missingProgram } from '../missing-program.ts';
import { forgetReach } from './reach.ts';
import type { SshTarget } from './target.ts';
import { wayIn } from './unknown-key.ts';

/** Arguments for `ssh`: options, port, destination. */
export function sshArgs(target: SshTarget, extra: string[] = []): string[] {
  return [...target.options, '-p', String(target.port), ...extra, `${target.user}@${target.host}`];
}

export interface RunOptions {
  /** Gives the program a standard input that ends only when it does: the other side sees its end when we are gone. */
  holdStdin?: boolean;
  /** What its standard output passes on its way to ours. */
  through?: Duplex;
  /** Whether that a connection failed is told by somebody else. Defaults to no. */
  isQuiet?: () => boolean;
}

/** What ssh exits with when the connection failed or broke; a command there may end so too. */
export const CONNECTION_FAILED = 255;

/** Runs ssh or scp towards a workspace. After a failed connection the way to it is looked for anew. */
export async function runTowards(
  target: SshTarget,
  [program, ...args]: ['ssh' | 'scp', ...string[]],
  context: CommandContext,
  options: RunOptions = {},
): Promise<number> {
  const code = await runProgram(program, args, context, options);
  if (code !== CONNECTION_FAILED || context.signal.aborted) return code;
  const { published, way } = target;
  await forgetReach(published, context.home);
  if (way.kind === 'gateway') await forgetReach(way.gateway, context.home);
  if (options.isQuiet?.()) return code;
  context.note(`note: ${program} ended with 255 (${target.told})`);
  const next = way.kind === 'gateway' ? await wayIn(context) : undefined;
  if (next) context.note(`next: ${next}`);
  return code;
}

/**
 * Runs a program with this process' own streams and resolves with its exit code (128 + n for signal n).
 * Throws CliError when it is not installed.
 */
export function runProgram(
  program: string,
  args: string[],
  context: CommandContext,
  options: RunOptions = {},
): Promise<number> {
  context.verbose(`${program} ${args.map(shellWord).join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [
        options.holdStdin ? 'pipe' : stdio(context.io.stdin, 0),
        options.through ? 'pipe' : stdio(context.io.stdout, 1),
        stdio(context.io.stderr, 2),
      ],
      env: context.io.env as NodeJS.ProcessEnv,
    });
    // Ctrl-C reaches it through the terminal; a signal sent to this process alone is passed on.
    const stop = () => child.kill('SIGTERM');
    context.signal.addEventListener('abort', stop, { once: true });
    const out = options.through ? child.stdout?.pipe(options.through) : child.stdout;
    out?.pipe(context.io.stdout, { end: false });
    child.stderr?.pipe(context.io.stderr, { end: false });
    // It may end before it has read everything.
    child.stdin?.on('error', () => {});
    if (child.stdin && !options.holdStdin) context.io.stdin.pipe(child.stdin);
    child.once('error', error => reject(missingProgram(program, error)));
    child.once('close', async (code, signal) => {
      context.signal.removeEventListener('abort', stop);
      // It may hold some of it back for a slow reader.
      if (options.through) await finished(options.through).catch(() => {});
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** The process' own stream is handed down as it is (a terminal stays one); any other is piped. */
function stdio(stream: unknown, fd: 0 | 1 | 2): 'inherit' | 'pipe' {
  return stream === [process.stdin, process.stdout, process.stderr][fd] ? 'inherit' : 'pipe';
}
