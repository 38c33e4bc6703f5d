import type { CommandContext } from '../command.ts';

/**
 * Does one step of a longer work and tells, on standard error, what is done and how long it took. Nothing else may be
 * printed while it runs. `done` is what it is called afterwards.
 */
export async function step<T>(
  context: CommandContext,
  doing: string,
  done: (result: T) => string,
  run: () => Promise<T>,
): Promise<T> {
  const { io, clock } = context;
  const isLive = io.stderr.isTTY && io.env.TERM !== 'dumb';
  const color = (code: number, text: string) => (io.env.NO_COLOR ? text : `\u001b[${code}m${text}\u001b[0m`);
  const began = clock.now();
  const tell = (mark: string, text: string) => {
    const time = `${((clock.now() - began) / 1000).toFixed(1)}s`;
    if (isLive) io.stderr.write(`\r\u001b[2K${mark} ${text}  ${color(2, time)}\n`);
    else context.note(`${text} (${time})`);
  };
  if (isLive) io.stderr.write(`${color(36, '…')} ${doing}`);
  try {
    const result = await run();
    tell(color(32, '✓'), done(result));
    return result;
  } catch (error) {
    if (isLive) tell(color(31, '✗'), doing);
    throw error;
  }
}
