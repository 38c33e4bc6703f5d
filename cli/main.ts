import { homedir } from 'node:os';
import { join } from 'node:path';
import yargs, { type Argv } from 'yargs';
import { systemClock } from '../controller/kit/clock.ts';
import type { Command, Flags, Io } from './command.ts';
import { COMMANDS, type LoadCommand } from './commands.ts';
import { completeNames } from './complete.ts';
import { createContext } from './context.ts';
import { describeError, EXIT, usageError } from './errors.ts';
import { onParentGone } from './up/parent.ts';

const DOCS =
  'Declared in YAML, applied with `nexus apply`, kept true by the server. Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 timeout, 6 no access, 7 unreachable.';

function globals(y: Argv): Argv {
  return y
    .option('kubeconfig', {
      type: 'string',
      describe: 'File with servers and credentials (NEXUS_KUBECONFIG)',
      global: true,
    })
    .option('context', { type: 'string', describe: 'Context of that file (NEXUS_CONTEXT)', global: true })
    .option('namespace', { alias: 'n', type: 'string', describe: 'Namespace to work in', global: true })
    .option('verbose', {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'Say what is decided on the way',
      global: true,
    });
}

function register(y: Argv, command: Command, run: (command: Command, flags: Flags) => Promise<void>): void {
  y.command({
    command: command.usage,
    describe: command.describe,
    builder: inner => {
      for (const [line, what] of command.examples ?? []) inner.example(line, what);
      return command.build(inner);
    },
    handler: argv => run(command, argv as unknown as Flags),
  });
}

/** `-f -` as one word: yargs takes a lone dash for a missing value. */
function joinStdin(args: string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg === '-' && ['-f', '--filename'].includes(args[i - 1] ?? '')) return [];
    return ['-f', '--filename'].includes(arg) && args[i + 1] === '-' ? ['--filename=-'] : [arg];
  });
}

/** Runs one command line and resolves with its exit code; never throws. */
export async function runCli(args: string[], io: Io, signal: AbortSignal): Promise<number> {
  const argv = joinStdin(args);
  let exitCode: number = EXIT.done;
  const debug = io.env.NEXUS_DEBUG === '1';
  try {
    const name = argv.find(arg => !arg.startsWith('-'));
    const wanted = name !== undefined && name in COMMANDS ? [name] : Object.keys(COMMANDS);
    const y = yargs(argv)
      .scriptName('nexus')
      .usage('$0 <command>\n\nSelf-hosted development workspaces, kept as declared.')
      .parserConfiguration({ 'populate--': true, 'parse-positional-numbers': false })
      .version(false)
      .strict()
      .demandCommand(1, 'which command? `nexus --help` lists them')
      .recommendCommands()
      .epilogue(DOCS)
      .help()
      .alias('h', 'help')
      .wrap(Math.min(110, io.stdout.columns ?? 110))
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? usageError(message, `nexus ${name ?? ''} --help`.replace('  ', ' '));
      });
    globals(y);
    const home = io.env.NEXUS_HOME || join(io.env.HOME || homedir(), '.nexus');
    y.completion(
      'completion',
      'Print a completion script: source <(nexus completion)',
      (
        _current: string,
        words: Record<string, unknown>,
        defaults: (onDone: (error: Error | null, names: string[] | undefined) => void) => void,
        done: (names: string[]) => void,
      ) => {
        const context = createContext({ io, flags: { verbose: false }, signal, clock: systemClock, home });
        defaults((_error, known) => {
          const typed = (words._ as unknown[]).map(String).slice(1);
          void completeNames(typed, context).then(async names => {
            await context.close();
            done([...names, ...(known ?? [])]);
          });
        });
      },
    );
    for (const key of wanted) {
      const command = await (COMMANDS[key] as LoadCommand)();
      register(y, command, async (c, flags) => {
        const context = createContext({ io, flags, signal, clock: systemClock, home });
        try {
          exitCode = await c.run(flags, context);
        } finally {
          await context.close();
        }
      });
    }
    await y.parseAsync(argv, {}, (error, _parsed, output) => {
      if (output && !error) io.stdout.write(`${output}\n`);
    });
  } catch (error) {
    if (signal.aborted) return EXIT.failed;
    const told = describeError(error, debug || argv.includes('-v') || argv.includes('--verbose'));
    io.stderr.write(`${told.lines.join('\n')}\n`);
    return told.exitCode;
  }
  return exitCode;
}

if (import.meta.main) {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort(name));
  onParentGone(() => abort.abort('parent gone'));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
  const io: Io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
  };
  process.exitCode = await runCli(process.argv.slice(2), io, abort.signal);
  // Standard input may be held open by a terminal; nothing is left to do.
  process.stdin.unref?.();
}
