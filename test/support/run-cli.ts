import { PassThrough, Readable } from 'node:stream';
import type { Io } from '../../cli/command.ts';
import { runCli } from '../../cli/main.ts';
import { within } from './until.ts';

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  stdin?: string;
  /** Standard input is a terminal. */
  tty?: boolean;
  env?: Record<string, string | undefined>;
  cwd?: string;
  signal?: AbortSignal;
  /** Called with each piece of standard output as it comes. */
  onOutput?: (soFar: string) => void;
  /** The same of standard error. */
  onNote?: (soFar: string) => void;
}

/** More than the time-out of any that is given one. */
const MOST_MS = 240_000;

/** Runs a command line in this process, with streams and environment of its own. */
export async function cli(args: string[], options: CliOptions = {}): Promise<CliResult> {
  const out = { stdout: '', stderr: '' };
  const collect = (name: 'stdout' | 'stderr') => {
    const stream = new PassThrough();
    stream.on('data', chunk => {
      out[name] += chunk;
      if (name === 'stdout') options.onOutput?.(out.stdout);
      else options.onNote?.(out.stderr);
    });
    return stream;
  };
  const io: Io = {
    stdin: Object.assign(Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]), {
      isTTY: options.tty ?? false,
    }),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    env: { NO_COLOR: '1', PATH: process.env.PATH, ...options.env },
    cwd: options.cwd ?? process.cwd(),
  };
  const running = runCli(args, io, options.signal ?? new AbortController().signal);
  const code = await within(running, {
    timeoutMs: MOST_MS,
    what: () => `nexus ${args.join(' ')} to end; it said:\n${out.stdout}${out.stderr}`,
  });
  return { code, ...out };
}
