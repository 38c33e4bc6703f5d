import { join, resolve } from 'node:path';
import { systemClock } from '../controller/kit/clock.ts';
import type { Command, Flags, Io, LoadCommand } from './command.ts';
import { readApplyFlags } from './commands/apply-flags.ts';
import { readGetFlags } from './commands/get-flags.ts';
import { createContext } from './context.ts';
import { describeError, EXIT } from './errors.ts';
import { safeLines } from './output/style.ts';
import { onParentGone } from './up/parent.ts';

/** As a shell tells it of a process that SIGINT or SIGTERM ended. */
const INTERRUPTED: Record<string, number> = { SIGINT: 130, SIGTERM: 143 };

/** What runs for long, one on each node: without yargs, which would stay loaded. */
const SERVICES: Record<string, LoadCommand | undefined> = Object.assign(Object.create(null), {
  agent: async () => (await import('./commands/agent.ts')).agent,
  controller: async () => (await import('./commands/controller.ts')).controller,
});

/**
 * Runs one command line and resolves with its exit code; never throws. An aborted `signal` (its reason: the name of the
 * process' signal) interrupts it: a command that was not done then gives 130 or 143.
 */
export async function runCli(argv: string[], io: Io, signal: AbortSignal): Promise<number> {
  const home = resolve(
    io.cwd,
    io.env.NEXUS_HOME || join(io.env.HOME || process.getBuiltinModule('node:os').homedir(), '.nexus'),
  );
  const run = async (command: Command, flags: Flags): Promise<number> => {
    const context = createContext({ io, flags, signal, clock: systemClock, home });
    try {
      return await command.run(flags, context);
    } finally {
      await context.close();
    }
  };
  try {
    // What is asked most often, and what people wait for: without loading what the rest needs.
    const get = readGetFlags(argv);
    if (get) return await run((await import('./commands/get.ts')).get, get);
    const apply = readApplyFlags(argv);
    if (apply) return await run((await import('./commands/apply.ts')).apply, apply);
    const service = SERVICES[argv[0] ?? ''];
    if (service) {
      const flags = (await import('./commands/service-flags.ts')).readServiceFlags(argv);
      if (flags) return await run(await service(), flags);
    }
    const { parseCommandLine } = await import('./parse.ts');
    return await parseCommandLine(argv, { io, signal, home, run });
  } catch (error) {
    if (signal.aborted) return INTERRUPTED[String(signal.reason)] ?? EXIT.failed;
    const debug = io.env.NEXUS_DEBUG === '1' || argv.includes('-v') || argv.includes('--verbose');
    const told = describeError(error, debug);
    io.stderr.write(`${safeLines(told.lines.join('\n'))}\n`);
    return told.exitCode;
  }
}

/** The process of the command line: its signals, streams and exit code. */
export async function runProcess(): Promise<void> {
  const abort = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort(name));
  onParentGone(() => abort.abort('parent gone'));
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // `nexus get ws -A | head -1`: whoever reads has read enough.
      if (error.code === 'EPIPE') process.exit(EXIT.done);
      throw error;
    });
  let hasStdin = false;
  const io: Io = {
    // Made when it is asked for: 3 ms.
    get stdin() {
      hasStdin = true;
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
  };
  process.exitCode = await runCli(process.argv.slice(2), io, abort.signal);
  // Standard input may be held open by a terminal; nothing is left to do.
  if (hasStdin) process.stdin.unref?.();
}

if (import.meta.main) void runProcess();
