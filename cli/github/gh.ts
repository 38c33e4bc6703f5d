import { capture, type RunResult } from '../capture.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { runProgram } from '../ssh/run.ts';
import { outOfReach } from './answer.ts';

/** `gh auth token` is there since. */
const OLDEST = [2, 17];
const HOW = 'on Debian: apt-get install gh; elsewhere https://cli.github.com';
const KEEP = 16 * 1024 * 1024;
const LIMIT_MS = 45_000;

/** GitHub's own command line, for one host. */
export interface Gh {
  version: string;
  /** Runs it without asking anybody anything. */
  run(args: string[], stdin?: string): Promise<RunResult>;
  /** Runs it with this process' own streams. Resolves with its exit code. */
  runInTerminal(args: string[]): Promise<number>;
  /** The token it keeps for the host, or has from the environment. */
  token(): Promise<string | undefined>;
}

/** Undefined where it is not installed. Throws CliError where it is too old. */
export async function findGh(context: CommandContext, host: string): Promise<Gh | undefined> {
  const { io, signal } = context;
  const env = { ...io.env, GH_HOST: host, GH_NO_UPDATE_NOTIFIER: '1' };
  const run = async (args: string[], stdin?: string) => {
    context.verbose(`gh ${args.join(' ')}`);
    const quiet = { ...env, GH_PROMPT_DISABLED: '1', NO_COLOR: '1', CLICOLOR_FORCE: '', GH_FORCE_TTY: '' };
    // gh itself waits for ever for a server that says nothing.
    const limit = AbortSignal.timeout(LIMIT_MS);
    const options = { env: quiet, signal: AbortSignal.any([signal, limit]), keep: KEEP };
    try {
      return await capture('gh', args, { ...options, ...(stdin !== undefined && { stdin }) });
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      throw outOfReach(host, `gh had no answer within ${LIMIT_MS / 1000} s`, error);
    }
  };
  let told: RunResult;
  try {
    told = await run(['--version']);
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
  const [, version = '', major = '', minor = ''] = /^gh version ((\d+)\.(\d+)[^\s]*)/.exec(told.stdout) ?? [];
  if (!version)
    throw new CliError(
      `the program \`gh\` on the PATH is not GitHub's: it answers \`--version\` with "${told.stdout.trim().slice(0, 60)}"`,
      {
        next: HOW,
      },
    );
  if (Number(major) < OLDEST[0]! || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]!))
    throw new CliError(`gh ${version} is too old; ${OLDEST.join('.')} or later is needed`, { next: HOW });
  return {
    version,
    run,
    runInTerminal: args => runProgram('gh', args, { ...context, io: { ...io, env } }),
    async token() {
      const { code, stdout } = await run(['auth', 'token', '--hostname', host]);
      return code === 0 ? stdout.trim() || undefined : undefined;
    },
  };
}
