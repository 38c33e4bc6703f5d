import { PassThrough } from 'node:stream';
import type { Clock } from '../../../controller/kit/clock.ts';
import type { ExecOptions, ExecProcess } from '../../driver.ts';
import type { MemoryEngine, MemoryInstance } from './memory-engine.ts';

/** A process under way: streams from its own side. */
export interface MemoryProcess {
  instance: MemoryInstance;
  command: string[];
  options: ExecOptions;
  stdin: PassThrough;
  stdout: PassThrough;
  stderr: PassThrough;
  signal: AbortSignal;
}

/** Runs a command of an in-memory instance and gives its exit code. */
export type MemoryExec = (process: MemoryProcess) => Promise<number>;

/** A handful of real commands: enough for the conformance suite. Anything else exits 127. */
export function builtinExec(engine: MemoryEngine, clock: Clock): MemoryExec {
  return async ({ instance, command, options, stdin, stdout, stderr, signal }) => {
    const [name, ...args] = command;
    switch (name) {
      case 'true':
        return 0;
      case 'false':
        return 1;
      case 'echo':
        stdout.write(`${args.join(' ')}\n`);
        return 0;
      case 'env':
        for (const [key, value] of Object.entries({ ...instance.spec.env, ...options.env }))
          stdout.write(`${key}=${value}\n`);
        return 0;
      case 'sleep':
        await clock.sleep(Number(args[0]) * 1000, signal);
        return 0;
      case 'cat':
        if (args.length === 0) {
          for await (const chunk of stdin)
            if (!stdout.write(chunk)) await new Promise(resolve => stdout.once('drain', resolve));
          return 0;
        }
        return args.reduce((code, path) => {
          const file = engine.readFile(instance, path);
          if (!file) {
            stderr.write(`cat: ${path}: No such file or directory\n`);
            return 1;
          }
          stdout.write(file.content);
          return code;
        }, 0);
      default:
        stderr.write(`${name}: not found\n`);
        return 127;
    }
  };
}

/** Runs `exec` in the background; it ends with 137 when the instance stops. */
export function startProcess(
  engine: MemoryEngine,
  exec: MemoryExec,
  instance: MemoryInstance,
  call: { command: string[]; options: ExecOptions },
): ExecProcess {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const halted = new AbortController();
  const unsubscribe = engine.onChange((changed, type) => {
    if (changed === instance && type === 'died') halted.abort(new Error('the instance stopped'));
  });
  const { signal: aborted } = call.options;
  const signal = AbortSignal.any([halted.signal, ...(aborted ? [aborted] : [])]);
  if (!call.options.stdin) stdin.end();
  const interrupted = new Promise<number>((resolve, reject) => {
    const onAbort = () => (halted.signal.aborted ? resolve(137) : reject(signal.reason));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  const ran = exec({ instance, ...call, stdin, stdout, stderr, signal });
  const exit = Promise.race([ran, interrupted]).finally(() => {
    unsubscribe();
    stdout.end();
    stderr.end();
    stdin.destroy();
  });
  ran.catch(() => {});
  interrupted.catch(() => {});
  exit.catch(() => {});
  return { stdin, stdout, stderr, exit };
}
