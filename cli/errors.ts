import { ApiError } from '../controller/kit/errors.ts';
import { OptionError } from '../controller/kit/options.ts';
import { StartError } from '../controller/kit/start-error.ts';
import { systemError } from './system-errors.ts';

/** What the process exits with. Other people's scripts rely on these. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  timeout: 5,
  noAccess: 6,
  unreachable: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that was foreseen: `message` says what and why, `next` the command or step that helps. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly next: string | undefined;
  constructor(message: string, options: { exitCode?: ExitCode; next?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.next = options.next;
  }
}

/** Wrong use of a command. */
export function usageError(message: string, next?: string): CliError {
  return new CliError(message, { exitCode: EXIT.usage, next });
}

const API_EXITS: Partial<Record<ApiError['reason'], { exitCode: ExitCode; next?: string }>> = {
  NotFound: { exitCode: EXIT.notFound },
  AlreadyExists: { exitCode: EXIT.conflict },
  Conflict: { exitCode: EXIT.conflict },
  Timeout: { exitCode: EXIT.timeout },
  Unauthorized: {
    exitCode: EXIT.noAccess,
    next: 'the token may have been revoked; check `nexus config view`',
  },
  Forbidden: { exitCode: EXIT.noAccess },
  Unreachable: {
    exitCode: EXIT.unreachable,
    next: 'is the server running? `nexus doctor` finds out; `nexus up` starts one on this machine',
  },
};

/** Most of what is not found is in another namespace. */
function whereElse({ reason, details }: ApiError): string | undefined {
  return reason === 'NotFound' && details?.kind && details.name
    ? `\`nexus get ${details.kind} -A\` shows what there is`
    : undefined;
}

/** How any error ends the process: its exit code and the lines for people. */
export function describeError(error: unknown, debug = false): { exitCode: ExitCode; lines: string[] } {
  const told = (exitCode: ExitCode, message: string, next?: string) => {
    const lines = [`error: ${message}`, ...(next ? [`next: ${next}`] : [])];
    if (debug && error instanceof Error && error.stack) lines.push(error.stack);
    return { exitCode, lines };
  };
  if (error instanceof CliError) return told(error.exitCode, error.message, error.next);
  if (error instanceof OptionError) return told(EXIT.usage, error.message);
  if (error instanceof StartError) return told(EXIT.failed, error.message);
  if (error instanceof ApiError) {
    const exit = API_EXITS[error.reason] ?? { exitCode: EXIT.failed };
    return told(exit.exitCode, error.message, exit.next ?? whereElse(error));
  }
  const foreseen = systemError(error);
  if (foreseen) return told(EXIT.failed, foreseen.message, foreseen.next);
  // The store says what is wrong with its file, and what to do.
  if (error instanceof Error && error.name === 'StoreError') return told(EXIT.failed, error.message);
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  return { exitCode: EXIT.failed, lines: [`error: ${message}`, ...(stack ? [stack] : [])] };
}
