import type { Readable, Writable } from 'node:stream';
import type { Argv } from 'yargs';
import type { Client } from '../controller/client/client.ts';
import type { Connection } from '../controller/client/kubeconfig.ts';
import type { Clock } from '../controller/kit/clock.ts';

/** What the process gives a command, so that tests can give something else. */
export interface Io {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: Writable & { isTTY?: boolean };
  env: Record<string, string | undefined>;
  cwd: string;
}

/** Flags that every command takes. */
export interface GlobalFlags {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  /** Show what is decided along the way, and stack traces. */
  verbose: boolean;
}

export interface CommandContext {
  io: Io;
  clock: Clock;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** `$NEXUS_HOME`, by default `~/.nexus`. */
  home: string;
  /** Connects when first asked. Throws CliError when no server is known. */
  client(): Promise<Client>;
  /** Which server client() talks to, and as whom. Throws as client() does. */
  connection(): Promise<Connection>;
  /** `-n`, else the context's, else the preferred one, else `default`. */
  namespace(): Promise<string>;
  /** A line to standard output. */
  print(line: string): void;
  /** A line to standard error. */
  note(line: string): void;
  /** note(), with -v only. */
  verbose(line: string): void;
}

/** A command's flags as yargs parsed them: positionals and options by their camelCase names. */
export type Flags = Record<string, unknown> & GlobalFlags & { _: (string | number)[]; '--'?: string[] };

/** Loads a command only when it is asked for, so that `nexus get` does not pay for `nexus up`. */
export type LoadCommand = () => Promise<Command>;

/** A command: one file in commands/, one row in commands.ts. */
export interface Command {
  /** As yargs reads it: `get <resource> [names..]`. */
  usage: string;
  describe: string;
  /** Worked examples for help: [command line, what it does]. */
  examples?: [string, string][];
  build(yargs: Argv): Argv;
  /** Other names of it. A command of commands.ts has those in ALIASES there too. */
  aliases?: readonly string[];
  /** Its verbs, as `nexus workspace status`: one of them is run in its place. In the order of the help. */
  verbs?: Record<string, LoadCommand>;
  /** Resolves with the exit code (errors.ts), or with one of its own, as `exec` does. Throws CliError, ApiError. */
  run(flags: Flags, context: CommandContext): Promise<number>;
}
