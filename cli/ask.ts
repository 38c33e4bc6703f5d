import { createInterface } from 'node:readline/promises';
import type { CommandContext } from './command.ts';

/** Whether there is somebody to ask. */
export const canAsk = ({ io }: Pick<CommandContext, 'io'>): boolean => io.stdin.isTTY === true;

/** A question that is answered yes or no on the terminal; nothing else than `y` or `yes` is a yes. */
export async function askYes({ io, signal }: CommandContext, question: string): Promise<boolean> {
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    lines.close();
  }
}
