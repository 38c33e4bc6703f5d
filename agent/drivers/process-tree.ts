import { Transform } from 'node:stream';
import { withTimeout } from '../../controller/kit/abort.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { ExecProcess } from '../driver.ts';

const TELL_PID = 'echo "$$" >&2; exec "$@"';

/** Tells its process id in the first line of stderr, so that it can be ended: engines have no call for that. */
export function tellingPid(command: string[]): string[] {
  return ['/bin/sh', '-c', TELL_PID, 'sh', ...command];
}

/** Run with the process id as its argument. */
export function killingTree(pid: string): string[] {
  return ['/bin/sh', '-c', KILL_TREE, 'sh', pid];
}

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

export interface Ending {
  /** Runs killingTree beside the process. */
  killTree: (pid: string) => Promise<void>;
  /** Closes what its output comes by: a process that goes on all the same talks to nobody. */
  hangUp: () => void;
  /** Given what resolves when the end has been begun, for those who must not go before. */
  onEnding?: (begun: Promise<void>) => void;
}

/** A process that tells its id, ended with `signal`; `exit` rejects with its reason. */
export function endedBy(
  signal: AbortSignal,
  { stdin, stdout, stderr, exit }: ExecProcess & { stderr: FirstLine },
  { killTree, hangUp, onEnding = () => {} }: Ending,
): ExecProcess {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  interrupted.catch(() => {});
  const onAbort = () => {
    reject(signal.reason);
    const kill = (pid: string) => (/^\d+$/.test(pid) ? killTree(pid) : undefined);
    onEnding(
      stderr.line
        .finally(hangUp)
        .then(kill)
        .catch(() => {}),
    );
    stdout.destroy();
    stderr.resume();
    stdin.destroy();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const exitOrAbort = Promise.race([exit, interrupted]).finally(() =>
    signal.removeEventListener('abort', onAbort),
  );
  exitOrAbort.catch(() => {});
  return { stdin, stdout, stderr, exit: exitOrAbort };
}

/** An engine that does not answer must not hold up the end of the agent. */
const ENDING_MS = 2_000;

/** Processes that nobody waits for any more and that are being ended: a driver closes after that. */
export class Endings {
  readonly #begun = new Set<Promise<void>>();

  readonly add = (begun: Promise<void>): void => {
    const tracked = begun.finally(() => this.#begun.delete(tracked));
    this.#begun.add(tracked);
  };

  async settled(clock: Clock): Promise<void> {
    const ended = Promise.allSettled(this.#begun).then(() => {});
    await withTimeout(ended, ENDING_MS, clock, () => new Error('silent')).catch(() => {});
  }
}

/** Longer than any process id. */
const MAX_LINE = 64;

/** Takes the first line out and gives it by `line` (empty when there was none, or one that is no process id). */
export class FirstLine extends Transform {
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
    if (newline >= 0 || this.#head.length > MAX_LINE) {
      this.#resolve(this.#head.length > MAX_LINE ? '' : this.#head);
      this.#head = undefined;
      if (newline >= 0 && newline + 1 < chunk.length) this.push(chunk.subarray(newline + 1));
    }
    done();
  }

  override _flush(done: () => void): void {
    this.#resolve(this.#head ?? '');
    done();
  }
}
