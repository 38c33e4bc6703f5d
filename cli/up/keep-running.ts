import { type ChildProcess, spawn } from 'node:child_process';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { CliError } from '../errors.ts';

export interface ProgramOptions {
  /** For messages. */
  name: string;
  /** Program and arguments of the process. It sends the IPC message `ready` when it serves. */
  file: string;
  args: string[];
  env: Record<string, string | undefined>;
  clock: Clock;
  /** Told in a line for people whenever the process ends by itself. */
  note: (line: string) => void;
  /** Killed when it has not stopped this long after SIGTERM. Defaults to 15 s. */
  stopTimeoutMs?: Milliseconds;
}

export interface Program {
  /** Resolves when the process said `ready` for the first time; rejects when it ended before. */
  readonly ready: Promise<void>;
  /** Resolves after a stop; rejects when the process ended before it was ever ready, as a restart would not help. */
  readonly ended: Promise<void>;
  /** Process id, absent while it waits to be started again. */
  readonly pid: number | undefined;
}

/** People are waiting: even one that keeps dying is tried again soon. */
const RESTART = { baseMs: 250, maxMs: 5000 };
/** One that served this long starts with a short delay again. */
const STABLE_MS = 1000;

/** Keeps a process running until `signal` is aborted. It is told by a closed channel when this process dies. */
export function keepRunning(options: ProgramOptions, signal: AbortSignal): Program {
  const { name, clock } = options;
  const backoff = new Backoff(RESTART);
  const ready = Promise.withResolvers<void>();
  let current: ChildProcess | undefined;
  let wasReady = false;
  let readyAt = Number.POSITIVE_INFINITY;

  const once = () =>
    new Promise<string>(resolve => {
      const child = spawn(options.file, options.args, {
        env: options.env,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      current = child;
      let cancelKill = () => {};
      const stop = () => {
        child.kill('SIGTERM');
        cancelKill = clock.after(options.stopTimeoutMs ?? 15_000, () => child.kill('SIGKILL'));
      };
      signal.addEventListener('abort', stop, { once: true });
      child.on('message', message => {
        if (message !== 'ready') return;
        wasReady = true;
        readyAt = clock.now();
        ready.resolve();
      });
      const finish = (how: string) => {
        current = undefined;
        cancelKill();
        signal.removeEventListener('abort', stop);
        resolve(how);
      };
      child.once('error', error => finish(error.message));
      child.once('exit', (code, by) => finish(by ? `was ended by ${by}` : `exited with ${code}`));
    });

  const run = async () => {
    while (!signal.aborted) {
      readyAt = Number.POSITIVE_INFINITY;
      const how = await once();
      if (signal.aborted) return;
      if (!wasReady) throw new CliError(`${name} ${how} before it was ready; the lines above say why`);
      if (clock.now() - readyAt >= STABLE_MS) backoff.reset();
      const delay = backoff.next();
      options.note(`${name} ${how}; starting it again in ${(delay / 1000).toFixed(1)} s`);
      await clock.sleep(delay, signal).catch(() => {});
    }
  };
  const ended = run();
  ended.then(
    () => ready.reject(new Error(`${name} was stopped`)),
    error => ready.reject(error),
  );
  ready.promise.catch(() => {});
  return {
    ready: ready.promise,
    ended,
    get pid() {
      return current?.pid;
    },
  };
}
