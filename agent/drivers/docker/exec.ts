import type { Duplex } from 'node:stream';
import { PassThrough, Writable } from 'node:stream';
import type Docker from 'dockerode';
import { Backoff } from '../../../controller/kit/backoff.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import { DriverError, type ExecOptions, type ExecProcess } from '../../driver.ts';
import { endedBy, FirstLine, killingTree, tellingPid } from '../process-tree.ts';
import type { DockerContext } from './context.ts';
import { Demultiplexer } from './demultiplexer.ts';
import { engineCall, engineMessage, statusOf, toDriverError } from './errors.ts';

/** Runs a command in a container. Its id in the engine is not kept: an engine forgets execs with their container. */
export async function execInContainer(
  { docker, clock, endings }: Pick<DockerContext, 'docker' | 'clock' | 'endings'>,
  id: string,
  command: string[],
  options: ExecOptions = {},
): Promise<ExecProcess> {
  const { signal } = options;
  const { exec, socket } = await open(docker, id, command, options);
  const stdout = new PassThrough();
  const stderr = signal ? new FirstLine() : new PassThrough();
  const stdin = writableTo(socket, options.stdin === true);
  let lost: Error | undefined;
  socket.on('error', error => {
    lost = error;
  });
  const ended = new Promise<void>(resolve => {
    stderr.on('error', () => {});
    stdout.on('error', () => {});
    const frames = new Demultiplexer(stdout, stderr);
    frames.on('finish', resolve);
    socket.on('close', () => (frames.writableEnded ? undefined : frames.end(() => resolve())));
    socket.pipe(frames);
  });
  const exit = ended
    .then(() => exitCode(exec, clock, signal))
    .catch(error => {
      throw signal?.aborted ? signal.reason : toDriverError(lost ?? error, `exec in ${id.slice(0, 12)}`);
    })
    .finally(() => stdin.destroy());
  exit.catch(() => {});
  if (!signal || !(stderr instanceof FirstLine)) return { stdin, stdout, stderr, exit };

  return endedBy(
    signal,
    { stdin, stdout, stderr, exit },
    { killTree: pid => killTree(docker, id, pid), hangUp: () => socket.destroy(), onEnding: endings.add },
  );
}

async function open(docker: Docker, id: string, command: string[], options: ExecOptions) {
  const { signal, user = '0', env = {}, workingDir, stdin = false } = options;
  const what = `exec in ${id.slice(0, 12)}`;
  return engineCall(
    what,
    async () => {
      try {
        const exec = await docker.getContainer(id).exec({
          Cmd: signal ? tellingPid(command) : command,
          User: user,
          Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
          ...(workingDir && { WorkingDir: workingDir }),
          AttachStdin: stdin,
          AttachStdout: true,
          AttachStderr: true,
          Tty: false,
        });
        return { exec, socket: (await exec.start({ hijack: true, stdin })) as Duplex };
      } catch (error) {
        if (statusOf(error) === 409 || /is not running|container state improper/i.test(engineMessage(error)))
          throw new DriverError('NotRunning', `${what}: ${engineMessage(error)}`, { cause: error });
        throw error;
      }
    },
    signal,
  );
}

/** The engine closes the streams a moment before it knows the exit code. */
async function exitCode(exec: Docker.Exec, clock: Clock, signal?: AbortSignal): Promise<number> {
  const backoff = new Backoff({ baseMs: 10, maxMs: 1000 }, () => 1);
  for (;;) {
    const { Running: running, ExitCode: code } = await exec.inspect();
    if (!running && code !== null) return code;
    await clock.sleep(backoff.next(), signal);
  }
}

/** Resolves as soon as the engine has begun it. */
async function killTree(docker: Docker, id: string, pid: string): Promise<void> {
  const exec = await docker.getContainer(id).exec({ Cmd: killingTree(pid), User: '0' });
  (await exec.start({ Detach: true })).resume();
}

/** Ends by half-closing, so that output is still read. A process that ended before it read all is no error. */
function writableTo(socket: Duplex, open: boolean): Writable {
  const stdin = new Writable({
    write(chunk, _encoding, done) {
      if (socket.destroyed || socket.writableEnded) done();
      else socket.write(chunk, () => done());
    },
    final(done) {
      if (!socket.writableEnded) socket.end();
      done();
    },
  });
  if (!open) stdin.destroy();
  return stdin;
}
