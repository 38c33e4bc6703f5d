import { slept } from '../../../controller/kit/abort.ts';
import { Backoff } from '../../../controller/kit/backoff.ts';
import type { CommandContext } from '../../command.ts';
import { CliError, EXIT } from '../../errors.ts';
import { loginOf } from '../../git/git-login.ts';
import { findRef } from '../../git/read-remote.ts';
import { forkRepository } from '../../github/repository.ts';
import { step } from '../../output/steps.ts';
import type { Resolved } from './resolve-repository.ts';

/** GitHub fills a fork in the background. */
const FILLED_MS = 300_000;

/** Forks, and waits until there is something to clone. Resolves with the fork's URL. Throws CliError. */
export async function makeFork(
  { github, repository }: NonNullable<Resolved['toFork']>,
  context: CommandContext,
): Promise<string> {
  const { fullName, url } = await step(
    context,
    `forking ${repository.fullName}`,
    made => `forked to ${made.fullName}`,
    async () => {
      const made = await forkRepository(github, repository);
      await untilFilled(
        made.url,
        async () => {
          const { ref } = await findRef({ url: made.url, login: loginOf(github) }, context);
          return ref !== undefined;
        },
        context,
      );
      return made;
    },
  );
  context.verbose(`${fullName} is ${url}`);
  return url;
}

async function untilFilled(
  url: string,
  look: () => Promise<boolean>,
  context: CommandContext,
): Promise<void> {
  const until = context.clock.now() + FILLED_MS;
  const backoff = new Backoff({ baseMs: 500, maxMs: 5000 });
  for (;;) {
    const isFilled = await look().catch(error => {
      if (error instanceof CliError && error.exitCode === EXIT.notFound) return false;
      throw error;
    });
    if (isFilled) return;
    if (context.clock.now() > until)
      throw new CliError(`the fork ${url} was made and is still empty`, {
        exitCode: EXIT.timeout,
        next: 'type the same again in a while: it goes on from there',
      });
    if (!(await slept(context.clock, backoff.next(), context.signal))) throw context.signal.reason;
  }
}
