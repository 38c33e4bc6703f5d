import type { Duplex } from 'node:stream';
import { PassThrough, Transform, Writable } from 'node:stream';
import type Docker from 'dockerode';
import { Backoff } from '../../../controller/kit/backoff.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import { DriverError, type ExecOptions, type ExecProcess } from '../../driver.ts';
import { Demultiplexer } from './demultiplexer.ts';
import { engineCall, engineMessage, statusOf, toDriverError } from './errors.ts';

/** Tells its process id in the first line of stderr, so that it can be ended: engines have no call for that. */
const TELL_PID = 'echo "$$" >&2; exec "$@"';

/**
 * Ends a process and its descendants, gently and a second later by force. What it left to init on purpose (a daemon) goes
 * on.
 */
const KILL_TREE = `
children() {
  for f in /proc/[0-9]*/status; do
    while read -r key value; do
      case $key in
        Pid:) pid=$value ;;
        PPid:) [ "$value" != "$1" ] || echo "$pid"; break ;;
      esac
    done < "$f"
  done 2>/dev/null
}
tree() { for c in $(children "$1"); do tree "$c"; done; echo "$1"; }
all=$(tree "$1")
kill -TERM $all 2>/dev/null
sleep 1
kill -KILL $all 2>/dev/null
true`;

/** Runs a command in a container. Its id in the engine is not kept: an engine forgets execs with their container. */
export async function execInContainer(
  { docker, clock }: { docker: Docker; clock: Clock },
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

  const onAbort = () => {
    void stderr.line.then(pid => killTree(docker, id, pid)).catch(() => {});
    stdout.destroy();
    stderr.resume();
    stdin.destroy();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const interrupted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const exitOrAbort = Promise.race([exit, interrupted]).finally(() =>
    signal.removeEventListener('abort', onAbort),
  );
  exitOrAbort.catch(() => {});
  return { stdin, stdout, stderr, exit: exitOrAbort };
}

async function open(docker: Docker, id: string, command: string[], options: ExecOptions) {
  const { signal, user = '0', env = {}, workingDir, stdin = false } = options;
  const what = `exec in ${id.slice(0, 12)}`;
  return engineCall(
    what,
    async () => {
      try {
        const exec = await docker.getContainer(id).exec({
          Cmd: signal ? ['/bin/sh', '-c', TELL_PID, 'sh', ...command] : command,
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

async function killTree(docker: Docker, id: string, pid: string): Promise<void> {
  if (!/^\d+$/.test(pid)) return;
  const exec = await docker.getContainer(id).exec({
    Cmd: ['/bin/sh', '-c', KILL_TREE, 'sh', pid],
    User: '0',
    AttachStdout: true,
  });
  const socket = (await exec.start({ hijack: true })) as Duplex;
  await new Promise(resolve => socket.on('close', resolve).on('error', resolve).resume());
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

/** Takes the first line out and gives it by `line` (empty when there was none). */
class FirstLine extends Transform {
  readonly line: Promise<string>;
  #resolve: (line: string) => void;
  #head: string | undefined = '';

  constructor() {
    super();
    const { promise, resolve } = Promise.withResolvers<string>();
    this.line = promise;
    this.#resolve = resolve;
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#head === undefined) {
      this.push(chunk);
      done();
      return;
    }
    const newline = chunk.indexOf(10);
    this.#head += chunk.toString('utf8', 0, newline < 0 ? chunk.length : newline);
    if (newline >= 0) {
      this.#resolve(this.#head);
      this.#head = undefined;
      if (newline + 1 < chunk.length) this.push(chunk.subarray(newline + 1));
    }
    done();
  }

  override _flush(done: () => void): void {
    this.#resolve(this.#head ?? '');
    done();
  }
}
