import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import { capture, type RunResult } from '../capture.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { missingProgram } from '../missing-program.ts';

export interface RemoteTarget {
  /** `user@host`, or a name of the person's own ssh configuration. */
  destination: string;
  port?: number;
  identity?: string;
  /** A configuration of ssh in place of the person's own. */
  config?: string;
}

export interface RunOptions {
  /** Given to its standard input; secrets go nowhere else. */
  stdin?: string;
  /** As root: by `sudo -n` where the login is somebody else's. */
  asRoot?: boolean;
}

/** A machine that is reached with the person's own ssh: their configuration, agent, known hosts and jump hosts. */
export interface Remote {
  readonly destination: string;
  /** Runs a script of POSIX shell. */
  run(script: string, options?: RunOptions): Promise<RunResult>;
  /** The same; throws CliError with what it said when it fails. `what` reads as in `making the folder`. */
  must(what: string, script: string, options?: RunOptions): Promise<string>;
  /** Copies a file there by SFTP. */
  put(local: string, remote: string): Promise<void>;
  close(): Promise<void>;
}

/** What a person's configuration may say and this must not do. */
const PLAIN = [
  ...['-o', 'ClearAllForwardings=yes', '-o', 'RemoteCommand=none', '-o', 'RequestTTY=no'],
  ...['-o', 'PermitLocalCommand=yes', '-o', 'ForwardAgent=no'],
];
const CONNECT_S = 15;
const KEEP = 64 * 1024;

/**
 * Connects once; everything else shares that connection, so that nobody is asked for a password twice. Throws CliError
 * when it cannot.
 */
export async function openRemote(target: RemoteTarget, context: CommandContext): Promise<Remote> {
  const { destination } = target;
  if (!/^[^-\s][^\s]*$/.test(destination))
    throw new CliError(`"${destination}" is no destination of ssh`, {
      exitCode: EXIT.usage,
      next: 'user@host',
    });
  const folder = await mkdtemp('/tmp/nexus-');
  const socket = join(folder, 's');
  const where = [
    ...(target.config === undefined ? [] : ['-F', target.config]),
    ...(target.port === undefined ? [] : ['-o', `Port=${target.port}`]),
    ...(target.identity === undefined ? [] : ['-i', target.identity]),
  ];
  const shared = [...PLAIN, '-o', `ControlPath=${socket}`, ...where];
  const env = context.io.env as NodeJS.ProcessEnv;
  const execute = (program: string, args: string[], stdin?: string) =>
    capture(program, args, { stdin, env, signal: context.signal });

  const master = await connect(
    [...shared, '-M', '-N', '-o', 'ControlPersist=no', '-o', 'LocalCommand=echo up', destination],
    context,
  ).catch(async error => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });

  let root: 'self' | 'sudo' | undefined;
  const asRoot = async (script: string): Promise<string> => {
    root ??= (await remote.run('id -u')).stdout.trim() === '0' ? 'self' : 'sudo';
    return root === 'self' ? script : `exec sudo -n -- sh -c ${shellWord(script)}`;
  };
  const remote: Remote = {
    destination,
    async run(script, options = {}) {
      const command = `exec sh -c ${shellWord(options.asRoot ? await asRoot(script) : script)}`;
      return execute('ssh', [...shared, '-o', 'ControlMaster=no', destination, command], options.stdin ?? '');
    },
    async must(what, script, options) {
      const { code, stdout, stderr } = await remote.run(script, options);
      if (code === 0) return stdout;
      throw new CliError(`${what} on ${destination} failed: ${lastLine(stderr) || `exit code ${code}`}`);
    },
    async put(local, path) {
      const batch = `put ${sftpQuote(local)} ${sftpQuote(path)}\n`;
      const { code, stderr } = await execute('sftp', [...shared, '-b', '-', destination], batch);
      if (code !== 0)
        throw new CliError(`copying to ${destination} by SFTP failed: ${lastLine(stderr)}`, {
          next: 'is there an SFTP server and space? On Debian: apt-get install openssh-sftp-server',
        });
    },
    async close() {
      master.kill('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
  return remote;
}

/** The last thing that a program said, for one line of an error. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';

const sftpQuote = (path: string) => `"${path.replace(/[\\"]/g, '\\$&')}"`;

/** A shared connection that stands. What ssh asks goes to the terminal. */
function connect(args: string[], context: CommandContext): Promise<{ kill(signal: 'SIGTERM'): void }> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', ['-o', `ConnectTimeout=${CONNECT_S}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: context.io.env as NodeJS.ProcessEnv,
    });
    let said = '';
    const stop = () => child.kill('SIGTERM');
    context.signal.addEventListener('abort', stop, { once: true });
    child.stderr.on('data', chunk => {
      said = (said + chunk).slice(-KEEP);
    });
    child.stdout.once('data', () => resolve(child));
    child.once('error', error => reject(missingProgram('ssh', error)));
    child.once('close', () => {
      context.signal.removeEventListener('abort', stop);
      const hostKey = /Host key verification failed|REMOTE HOST IDENTIFICATION/.test(said);
      const destination = args.at(-1) ?? '';
      reject(
        new CliError(`no connection to ${destination}: ${lastLine(said) || 'ssh ended'}`, {
          exitCode: EXIT.unreachable,
          next: hostKey
            ? `compare its key and accept it once: ssh ${destination}`
            : `it must work with plain ssh first: ssh ${destination} true`,
        }),
      );
    });
  });
}
