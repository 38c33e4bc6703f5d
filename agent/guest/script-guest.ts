import type { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { slept } from '../../controller/kit/abort.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { sha256 } from '../../controller/kit/hash.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { shellQuote } from '../../controller/kit/shell-quote.ts';
import { TokenBucket } from '../../controller/kit/token-bucket.ts';
import { type Driver, DriverError, type GuestFile } from '../driver.ts';
import type { CloneRequest, Guest, GuestConfig, GuestState } from './guest.ts';
import { type GuestResult, guestArgv, guestExec } from './guest-exec.ts';
import { encodeToken, GuestStateError, parseGuestState } from './parse-state.ts';
import { clonePayload, putPayload } from './payload.ts';
import { renderGuest } from './render.ts';

export interface ScriptGuestOptions {
  driver: Driver;
  clock: Clock;
  log: Logger;
  /** Most time for a clone. Defaults to 3600. */
  cloneTimeoutSeconds?: number;
  /** Most time for a hook. Defaults to 3600. */
  hookTimeoutSeconds?: number;
}

/** Asked for by `configure` when the program in the instance is another one. */
const EXIT_BOOT_FILES = 75;
const STATE_TRIES = 3;
/** A snapshot is a few KiB, and some 30 with a configuration; more is not one. */
const SNAPSHOT_BYTES = 256 * 1024;
/** Snapshots that are read at once, and how often one more is: whoever is root in an instance may tell as many as they like. */
const PACE = { burst: 50, refillMs: 100 } as const;
/** Of what a watch says beside its snapshots. */
const WATCH_ERROR_BYTES = 1024 * 1024;

/** The guest over Driver.exec and the program in ./program. One exec for an operation. */
export function createScriptGuest(options: ScriptGuestOptions): Guest {
  const { driver, clock, log, cloneTimeoutSeconds = 3600, hookTimeoutSeconds = 3600 } = options;

  const run = async (id: string, args: string[], input?: string): Promise<GuestResult> => {
    const result = await guestExec({ driver, clock }, id, args, input === undefined ? {} : { input });
    if (result.code !== 0 && !(args[0] === 'configure' && result.code === EXIT_BOOT_FILES))
      throw failure(id, args[0] ?? '', result);
    return result;
  };
  /** Where each watch of an instance reads, by id. */
  const watchers = new Map<string, Set<Writable>>();
  const startJob = (
    id: string,
    job: string,
    token: string,
    { seconds, input }: { seconds: number; input: string },
  ) => run(id, ['job', job, encodeToken(token), String(seconds), String(Buffer.byteLength(input))], input);

  return {
    render: renderGuest,

    async state(id, signal) {
      for (let tries = 1; ; tries++) {
        const result = await guestExec({ driver, clock }, id, ['state'], signal ? { signal } : {});
        if (result.code !== 0) throw failure(id, 'state', result);
        try {
          return parse(id, result.stdout);
        } catch (error) {
          // LXD before 5.14 loses, once in a while, some or all of what a command prints that ends at once (canonical/lxd#11890).
          if (tries === STATE_TRIES) throw error;
        }
      }
    },

    watch: (id, signal) => watchStates({ driver, clock }, { id, signal, watchers }),

    handover(config, isFirst, fenceMs) {
      const files = [...config.keys, ...config.runtime, ...(isFirst ? config.boot : [])];
      // Read by the command of a new instance too, which takes a part for nothing.
      const input = `${fencePayload(fenceMs)}${putPayload(files)}whole=yes\n`;
      return `nexus-handover ${Buffer.byteLength(input)}\n${input}`;
    },

    async configure(id, config, fenceMs) {
      const args = (sum: string, input: string) => ['configure', sum, String(Buffer.byteLength(input))];
      const fence = fencePayload(fenceMs);
      const input = fence + putPayload([...config.runtime, ...config.keys]);
      const first = await run(id, args(bootSum(config), input), input);
      if (first.code !== EXIT_BOOT_FILES) return;
      log.info({ instance: id.slice(0, 12) }, 'the guest program is brought up to date');
      const all = fence + putPayload([...config.boot, ...config.runtime, ...config.keys]);
      await run(id, args('-', all), all);
    },

    async fence(id, fenceMs) {
      const word = fenceWord(fenceMs);
      const [watcher] = watchers.get(id) ?? [];
      if (watcher) watcher.write(`fence ${word}\n`);
      else await run(id, ['fence', word]);
    },

    async serviceUp(id, name, service) {
      const content = service.files.map(file => file.content.toString()).join('');
      await run(id, ['up', checkName(name), service.digest, String(Buffer.byteLength(content))], content);
    },
    async serviceDown(id, name) {
      await run(id, ['down', checkName(name)]);
    },
    async serviceRestart(id, name) {
      await run(id, ['restart', checkName(name)]);
    },
    async serviceRemove(id, name) {
      await run(id, ['remove', checkName(name)]);
    },

    async clone(id, request: CloneRequest) {
      await startJob(id, 'clone', request.token, {
        seconds: cloneTimeoutSeconds,
        input: clonePayload(request),
      });
    },

    async runHook(id, hook, command, token) {
      const file: GuestFile = {
        path: `/run/nexus/jobs/${hook}/request`,
        content: `nexus_command=${shellQuote(command)}\n`,
        mode: 0o400,
        uid: 1000,
      };
      await startJob(id, hook, token, { seconds: hookTimeoutSeconds, input: putPayload([file]) });
    },

    async check(id, { command = [] }, timeoutMs) {
      const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
      const result = await guestExec({ driver, clock }, id, ['check', String(seconds), ...command], {
        timeoutMs: seconds * 1000 + 10_000,
      });
      if (result.code === 0) return { ok: true, message: '' };
      return { ok: false, message: checkMessage(result, seconds) };
    },
  };
}

/** Whole seconds, never more than was asked for. */
function fenceWord(fenceMs: Milliseconds | undefined): string {
  return fenceMs === undefined ? 'off' : String(Math.max(0, Math.floor(fenceMs / 1000)));
}

/** The first command of an input, so that the fence stands before anything runs. */
function fencePayload(fenceMs: Milliseconds | undefined): string {
  return fenceMs === undefined ? '' : `fence ${fenceWord(fenceMs)}\n`;
}

/**
 * Snapshots as they come, without repeats, at a bounded pace. Ends when the process does; its stdin tells it that nobody
 * listens any more, and whoever does not hear that is hung up on.
 */
async function* watchStates(
  { driver, clock }: Pick<ScriptGuestOptions, 'driver' | 'clock'>,
  { id, signal, watchers }: { id: string; signal: AbortSignal; watchers: Map<string, Set<Writable>> },
): AsyncGenerator<GuestState, void, undefined> {
  const over = new AbortController();
  const ends = AbortSignal.any([signal, over.signal]);
  const process = await driver.exec(id, guestArgv(['watch']), { stdin: true, signal: ends });
  const noState = () => new DriverError('Internal', `the guest of ${id} prints no state`);
  let errorBytes = 0;
  process.stdin.on('error', () => {});
  process.stderr
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      errorBytes += chunk.length;
      if (errorBytes > WATCH_ERROR_BYTES) over.abort(noState());
    });
  const exit = process.exit.catch(() => undefined);
  const here = watchers.get(id) ?? new Set();
  const pace = new TokenBucket({ ...PACE, clock });
  const decoder = new StringDecoder('utf8');
  let text = '';
  let last = '';
  try {
    for await (const chunk of process.stdout) {
      let from = Math.max(0, text.length - END.length);
      text += decoder.write(chunk as Buffer);
      for (let end = text.indexOf(END, from); end >= 0; end = text.indexOf(END)) {
        from = 0;
        while (!pace.take()) if (!(await slept(clock, PACE.refillMs, ends))) ends.throwIfAborted();
        watchers.set(id, here.add(process.stdin));
        const snapshot = text.slice(0, end + END.length);
        text = text.slice(end + END.length);
        const said = snapshot.replace(AT, '');
        if (said !== last) yield parse(id, snapshot);
        last = said;
      }
      if (text.length > SNAPSHOT_BYTES) throw noState();
    }
    over.signal.throwIfAborted();
    process.stdin.end();
    if (!signal.aborted) await exit;
  } catch (error) {
    if (!signal.aborted) throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    here.delete(process.stdin);
    if (here.size === 0) watchers.delete(id);
    process.stdin.end();
    over.abort(noState());
  }
}

/** When a snapshot was made. */
const AT = /\nat \d+$/m;
/** The last line of a snapshot. */
const END = '\nend\n';

function parse(id: string, text: string): GuestState {
  try {
    return parseGuestState(text);
  } catch (error) {
    if (!(error instanceof GuestStateError)) throw error;
    throw new DriverError('Internal', `${error.message} (${id.slice(0, 12)})`, { cause: error });
  }
}

/** Of the files of the program, as `configure` of the program reckons it. */
function bootSum(config: GuestConfig): string {
  return sha256(Buffer.concat(config.boot.map(file => Buffer.from(file.content))));
}

function failure(id: string, command: string, { code, stderr }: GuestResult): DriverError {
  const said = stderr.trim().split('\n').slice(-3).join('; ').slice(0, 500);
  return new DriverError('Internal', `guest ${command} in ${id.slice(0, 12)} ended with ${code}: ${said}`);
}

/** Becomes part of paths in the instance. */
function checkName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name))
    throw new DriverError('Invalid', `${JSON.stringify(name)} is no name of a service`);
  return name;
}

const TIMED_OUT = new Set([124, 137, 143]);

function checkMessage({ code, stdout, stderr }: GuestResult, seconds: number): string {
  if (TIMED_OUT.has(code)) return `did not end within ${seconds} s`;
  const line = `${stdout}\n${stderr}`.trim().split('\n').pop()?.trim().slice(0, 200);
  return `exit code ${code}${line ? `: ${line}` : ''}`;
}
