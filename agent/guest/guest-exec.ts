import type { Readable } from 'node:stream';
import type { Clock } from '../../controller/kit/clock.ts';
import { shellQuote } from '../../controller/kit/shell-quote.ts';
import { type Driver, DriverError } from '../driver.ts';
import { GUEST_PROGRAM, GUEST_PROGRAM_PATH } from './program.ts';

/** Said by the wrapper below when the program is not there; a health check may end with the same code. */
const EXIT_NO_PROGRAM = 78;
const SAID_NO_PROGRAM = 'nexus-guest: no program';
const OUTPUT_BYTES = 1024 * 1024;
/** Whoever prints more prints for ever. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface GuestResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** The command line that runs the program in the instance, whatever became of its mode. */
export function guestArgv(args: string[]): string[] {
  const script = `[ -r ${GUEST_PROGRAM_PATH} ] || { echo ${shellQuote(SAID_NO_PROGRAM)} >&2; exit ${EXIT_NO_PROGRAM}; }; exec /bin/sh ${GUEST_PROGRAM_PATH} "$@"`;
  return ['/bin/sh', '-c', script, 'nexus', ...args];
}

export interface GuestExecDeps {
  driver: Driver;
  clock: Clock;
}

/**
 * Runs a command of the guest program to its end, puts the program back when somebody removed it, and gives up after
 * `timeoutMs`, or 16 MiB of output (Internal). Output is cut to 1 MiB a stream.
 */
export async function guestExec(
  deps: GuestExecDeps,
  id: string,
  args: string[],
  options: { input?: string; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<GuestResult> {
  const first = await runOnce(deps, id, args, options);
  if (first.code !== EXIT_NO_PROGRAM || first.stderr.trim() !== SAID_NO_PROGRAM) return first;
  await deps.driver.putFiles(id, [{ path: GUEST_PROGRAM_PATH, content: GUEST_PROGRAM, mode: 0o755 }]);
  return runOnce(deps, id, args, options);
}

async function runOnce(
  { driver, clock }: GuestExecDeps,
  id: string,
  args: string[],
  { input, timeoutMs = 60_000, signal }: { input?: string; timeoutMs?: number; signal?: AbortSignal },
): Promise<GuestResult> {
  const limit = new AbortController();
  const onFlood = () =>
    limit.abort(new DriverError('Internal', `guest ${args[0]} in ${id.slice(0, 12)} prints without end`));
  const cancel = clock.after(timeoutMs, () =>
    limit.abort(
      new DriverError(
        'Internal',
        `guest ${args[0]} did not end within ${timeoutMs} ms in ${id.slice(0, 12)}`,
      ),
    ),
  );
  try {
    const process = await driver.exec(id, guestArgv(args), {
      stdin: input !== undefined,
      signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal,
    });
    if (input !== undefined) {
      process.stdin.on('error', () => {});
      process.stdin.end(input);
    }
    const [code, stdout, stderr] = await Promise.all([
      process.exit,
      collect(process.stdout, onFlood),
      collect(process.stderr, onFlood),
    ]);
    return { code, stdout, stderr };
  } finally {
    cancel();
  }
}

/** Keeps the last OUTPUT_BYTES; the stream is read to its end in any case. */
function collect(stream: Readable, onFlood: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  let total = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    total += chunk.length;
    if (total > MAX_OUTPUT_BYTES) onFlood();
    while (chunks.length > 1 && size - (chunks[0]?.length ?? 0) >= OUTPUT_BYTES)
      size -= chunks.shift()?.length ?? 0;
  });
  return new Promise(resolve => {
    const done = () => resolve(Buffer.concat(chunks).toString('utf8'));
    stream.on('end', done).on('close', done).on('error', done);
  });
}
