import { spawn } from 'node:child_process';
import { missingProgram } from './missing-program.ts';

export interface RunResult {
  /** 255 for one that a signal ended. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CaptureOptions {
  /** Given to its standard input; secrets go nowhere else. */
  stdin?: string;
  env: Record<string, string | undefined>;
  signal: AbortSignal;
  cwd?: string;
  /** Bytes kept of each stream, the last ones. Defaults to 64 KiB. */
  keep?: number;
}

const KEEP = 64 * 1024;

/** Runs a program to its end and keeps what it says. Throws CliError when it is not installed. */
export function capture(program: string, args: string[], options: CaptureOptions): Promise<RunResult> {
  const { stdin, signal, cwd, keep = KEEP } = options;
  const env = options.env as NodeJS.ProcessEnv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env, signal, cwd });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8');
      child[name].on('data', chunk => {
        out[name] = (out[name] + chunk).slice(-keep);
      });
    }
    child.stdin.on('error', () => {});
    child.stdin.end(stdin ?? '');
    child.once('error', error =>
      reject(signal.aborted ? signal.reason : missingProgram(program, error as NodeJS.ErrnoException)),
    );
    child.once('close', code => resolve({ code: code ?? 255, ...out }));
  });
}
