import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { missingProgram } from '../missing-program.ts';
import type { SshTarget } from '../ssh/target.ts';

/** One ssh that carries ports of a workspace to Unix sockets of ours. */
export interface Link {
  /** Resolves once it stands; rejects with what ssh said when it never does. */
  readonly up: Promise<void>;
  /** Resolves when it is over, with what ssh said last. */
  readonly ended: Promise<string>;
  /** A connection to the port `remote`, one of those it was made with. */
  dial(remote: number): Socket;
  stop(): void;
}

/** No shell; a word once everything stands; a dead peer is noticed within 15 s. */
const OPTIONS = [
  ...['-N', '-T', '-o', 'ExitOnForwardFailure=yes', '-o', 'StreamLocalBindUnlink=yes'],
  ...['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo up'],
  ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=2'],
];
/** Of what ssh says, the last is kept. */
const KEEP = 2_000;

let links = 0;

/** Starts it. `folder` is ours alone: whoever could reach a socket in it could reach the workspace's ports. */
export async function openLink(
  target: SshTarget,
  remotes: number[],
  { folder, context }: { folder: string; context: CommandContext },
): Promise<Link> {
  const own = join(folder, String(links++));
  await mkdir(own, { mode: 0o700 });
  const socketOf = (remote: number) => join(own, String(remote));
  const args = [
    ...OPTIONS,
    ...target.options,
    ...[...new Set(remotes)].flatMap(remote => ['-L', `${socketOf(remote)}:127.0.0.1:${remote}`]),
    ...['-p', String(target.port), `${target.user}@${target.host}`],
  ];
  context.verbose(`ssh ${args.map(shellWord).join(' ')}`);
  const child = spawn('ssh', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: context.io.env as NodeJS.ProcessEnv,
  });
  let said = '';
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-KEEP);
    context.verbose(String(chunk).trimEnd());
  });
  const last = () => said.trim().split('\n').at(-1) ?? '';
  const up = Promise.withResolvers<void>();
  child.stdout.once('data', () => up.resolve());
  const ended = new Promise<string>(resolve => {
    child.once('error', error => {
      up.reject(missingProgram('ssh', error));
      resolve(error.message);
    });
    child.once('close', code => {
      const why = last() || `ssh exited with ${code}`;
      up.reject(new Error(why));
      resolve(why);
    });
  });
  up.promise.catch(() => {});
  return {
    up: up.promise,
    ended,
    dial: remote => connect({ path: socketOf(remote), allowHalfOpen: true }),
    stop: () => void child.kill('SIGTERM'),
  };
}
