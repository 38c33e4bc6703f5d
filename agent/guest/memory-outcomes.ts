import type { CloneRequest, GuestJob } from './guest.ts';

/** How a simulated process ends. */
export interface MemoryEnd {
  /** Absent: never. */
  afterMs?: number;
  /** Defaults to 0. */
  exitCode?: number;
  /** Last lines of its output. */
  output?: string;
}

/** What simulated processes do; each is asked when one starts. Defaults understand a few commands, see memoryCommand. */
export interface MemoryOutcomes {
  service(name: string, command: string): MemoryEnd;
  hook(hook: Exclude<GuestJob, 'clone'>, command: string): MemoryEnd;
  /** `commit` is what is then checked out; defaults to a digest of url and ref. */
  clone(request: CloneRequest): MemoryEnd & { commit?: string };
  check(command: string[]): MemoryEnd;
}

export const defaultOutcomes: MemoryOutcomes = {
  service: (_name, command) => memoryCommand(command),
  hook: (_hook, command) => ({ afterMs: 0, ...memoryCommand(command) }),
  clone: () => ({ afterMs: 0 }),
  check: command => ({ afterMs: 0, ...memoryCommand(command.join(' ')) }),
};

/**
 * `true`, `false`, `exit N`, `sleep SECONDS`, `echo TEXT` and these joined by `;`. A last `exec sleep` or anything else
 * leaves `afterMs` open: what runs unless the caller knows better.
 */
export function memoryCommand(command: string): MemoryEnd {
  let afterMs = 0;
  let exitCode = 0;
  const output: string[] = [];
  for (const step of command.split(';').map(text => text.trim())) {
    const [word = '', ...rest] = step.split(/\s+/);
    if (word === 'sleep' && /^\d+(\.\d+)?$/.test(rest[0] ?? '')) afterMs += Number(rest[0]) * 1000;
    else if (word === 'echo') output.push(rest.join(' '));
    else if (word === 'true' || word === 'false') exitCode = word === 'true' ? 0 : 1;
    else if (word === 'exit') return ended(afterMs, Number(rest[0] ?? 0), output);
    else return {};
  }
  return ended(afterMs, exitCode, output);
}

function ended(afterMs: number, exitCode: number, output: string[]): MemoryEnd {
  return { afterMs, exitCode, ...(output.length > 0 && { output: output.join('\n') }) };
}
