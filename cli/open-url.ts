import { spawn } from 'node:child_process';
import type { CommandContext } from './command.ts';

/** What opens a link, by platform, where BROWSER names nothing else. */
const OPENERS: Partial<Record<NodeJS.Platform, [program: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** Openers end at once or go on as the browser itself: after this long one that has not failed has worked. */
const SETTLE_MS = 3_000;

/** Opens a link with the program that the person's machine opens such links with. Resolves with whether there is one. */
export async function openUrl(url: string, { io, clock, verbose }: CommandContext): Promise<boolean> {
  const [program, ...args] = io.env.BROWSER ? [io.env.BROWSER] : (OPENERS[process.platform] ?? ['xdg-open']);
  verbose([program, ...args, url].join(' '));
  return startDetached(program, [...args, url], { env: io.env, clock });
}

/**
 * Starts a program that outlives this one, without its streams. Resolves with false when it is not there, or ends with
 * another code than 0 within a few seconds.
 */
export function startDetached(
  program: string,
  args: string[],
  { env, clock }: { env: CommandContext['io']['env']; clock: CommandContext['clock'] },
): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      stdio: 'ignore',
      detached: true,
      env: env as NodeJS.ProcessEnv,
    });
    const cancel = clock.after(SETTLE_MS, () => finish(true));
    const finish = (worked: boolean) => {
      cancel();
      child.unref();
      resolve(worked);
    };
    child.once('error', () => finish(false));
    child.once('exit', code => finish(code === 0));
  });
}
