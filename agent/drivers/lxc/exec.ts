import { PassThrough, type Writable } from 'node:stream';
import { DriverError, type ExecOptions, type ExecProcess } from '../../driver.ts';
import { endedBy, FirstLine, killingTree, tellingPid } from '../process-tree.ts';
import type { LxdClient } from './api/lxd-client.ts';
import { LxdError, lxdCall, toDriverError } from './api/lxd-error.ts';
import { outputTo, stdinOf } from './api/streams.ts';
import type { LxcContext } from './context.ts';
import { inspectOurs, instancePath } from './instances.ts';

interface Fds {
  fds: Record<'0' | '1' | '2' | 'control', string>;
}

/** What LXD says when there is nothing to run, as a shell's exit codes. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** LXD has sent all when it tells the exit code. */
const LAST_OUTPUT_MS = 10_000;

/** LXD knows users by number only, and nothing of their groups. */
const AS_USER = `
home=$(getent passwd "$1" 2>/dev/null | cut -d: -f6)
export HOME="\${home:-/}" USER="$1"
u=$1 g=$(id -g "$1") || exit 126
shift
exec setpriv --reuid="$u" --regid="$g" --init-groups "$@"`;

/** Runs a command in an instance of the node. */
export async function execInInstance(
  context: LxcContext,
  id: string,
  command: string[],
  options: ExecOptions = {},
): Promise<ExecProcess> {
  options.signal?.throwIfAborted();
  const { name } = await inspectOurs(context, id);
  return runInInstance(context, name, command, options);
}

/** The same by LXD's name, over one connection each for its streams. */
export async function runInInstance(
  { lxd, endings }: Pick<LxcContext, 'lxd' | 'endings'>,
  name: string,
  command: string[],
  options: ExecOptions = {},
): Promise<ExecProcess> {
  const { signal } = options;
  if (!signal) return startProcess(lxd, name, command, options);
  const stderr = new FirstLine();
  const { hangUp, ...process } = await startProcess(lxd, name, tellingPid(command), options, stderr);
  const killTree = async (pid: string) => {
    const killing = await startProcess(lxd, name, killingTree(pid), {});
    killing.stdout.resume();
    killing.stderr.resume();
    await killing.exit;
  };
  return endedBy(signal, { ...process, stderr }, { killTree, hangUp, onEnding: endings.add });
}

async function startProcess(
  lxd: LxdClient,
  name: string,
  argv: string[],
  options: ExecOptions,
  stderr: PassThrough | FirstLine = new PassThrough(),
): Promise<ExecProcess & { hangUp: () => void }> {
  const { user, env = {}, workingDir = '/', stdin: hasInput = false, signal } = options;
  const what = `exec in ${name}`;
  const asUser = user === undefined || user === '0' || user === 'root';
  const command = asUser ? argv : ['/bin/sh', '-c', AS_USER, 'sh', user, ...argv];
  const { operation, sockets } = await lxdCall(
    what,
    async () => {
      const { operation, metadata } = await lxd
        .call<{ metadata: Fds }>('POST', `${instancePath(name)}/exec`, {
          body: {
            command,
            environment: env,
            cwd: workingDir,
            'wait-for-websocket': true,
            interactive: false,
          },
          ...(signal && { signal }),
        })
        .catch(error => {
          throw error instanceof LxdError && /not running/i.test(error.message)
            ? new DriverError('NotRunning', `${what}: ${error.message}`, { cause: error })
            : error;
        });
      const path = operation ?? '';
      const { fds } = metadata.metadata;
      const open = (fd: keyof Fds['fds']) => lxd.webSocket(`${path}/websocket?secret=${fds[fd]}`);
      return {
        operation: path,
        sockets: { control: open('control'), stdin: open('0'), stdout: open('1'), stderr: open('2') },
      };
    },
    signal,
  );
  const stdout = new PassThrough();
  const outputs = [outputTo(sockets.stdout, stdout), outputTo(sockets.stderr, stderr)];
  const all = Object.values(sockets);
  const stdin = stdinOf(sockets.stdin);
  try {
    await lxdCall(what, () => Promise.all(all.map(socket => lxd.opened(socket))));
  } catch (error) {
    for (const socket of all) socket.terminate();
    throw error;
  }
  for (const socket of all) socket.on('error', () => {});
  if (!hasInput) end(stdin);
  const exit = exitCode(lxd, operation)
    .catch(error => {
      throw toDriverError(error, what);
    })
    .finally(async () => {
      stdin.destroy();
      sockets.control.close();
      for (const output of outputs) output.endWithSilence(lxd.clock, LAST_OUTPUT_MS);
      await Promise.all(outputs.map(({ ended }) => ended));
      for (const socket of all) socket.close();
    });
  exit.catch(() => {});
  const hangUp = () => {
    for (const socket of [sockets.stdout, sockets.stderr]) socket.terminate();
  };
  return { stdin, stdout, stderr, exit, hangUp };
}

function end(stdin: Writable): void {
  stdin.end(() => stdin.destroy());
}

/** LXD tells it with the end of the operation. */
async function exitCode(lxd: LxdClient, operation: string): Promise<number> {
  try {
    const { metadata } = await lxd.wait<{ return?: number }>(operation);
    return metadata?.return ?? 0;
  } catch (error) {
    if (error instanceof LxdError && /command not found/i.test(error.message)) return NOT_FOUND;
    if (error instanceof LxdError && /not executable/i.test(error.message)) return NOT_EXECUTABLE;
    throw error;
  }
}
