import { slept } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { CONNECTION_FAILED, runTowards, sshArgs } from '../ssh/run.ts';
import { type SshTarget, targetOf } from '../ssh/target.ts';
import type { Via } from '../ssh/way.ts';
import { logReader } from './log-reader.ts';
import { followScript, type LogPlace } from './script.ts';

/** Several of these may come at once, from the first on: a restart takes about a second. */
const BACKOFF = { baseMs: 500, maxMs: 10_000 };

export interface FollowOptions {
  names: readonly string[];
  /** Lines of the past, -1: all. */
  tail: number;
  via: Via;
}

/**
 * Prints logs as they are written, from where it was when a connection broke, until Ctrl-C, or the workspace is stopped or
 * deleted. Resolves with the exit code: that of ssh when no connection ever stood.
 */
export async function followLogs(
  first: SshTarget,
  { names, tail, via }: FollowOptions,
  context: CommandContext,
): Promise<number> {
  const places = new Map<string, LogPlace>();
  const backoff = new Backoff(BACKOFF);
  let target: SshTarget | undefined = first;
  let everStood = false;
  while (target) {
    const { stream, hasBegun } = logReader(names, places);
    const args = ['ssh', ...sshArgs(target, ['-T']), followScript(names, tail, places)] as const;
    const options = { holdStdin: true, through: stream, isQuiet: () => everStood || hasBegun() };
    const code = await runTowards(target, [...args], context, options);
    everStood ||= hasBegun();
    if (context.signal.aborted) return EXIT.done;
    if (code !== CONNECTION_FAILED || !everStood) return code;
    if (hasBegun()) {
      backoff.reset();
      context.note('connection lost; it goes on where it was once the workspace is back …');
    }
    target = await untilBack(first.workspace, { via, backoff }, context);
  }
  return EXIT.done;
}

/** Undefined when there is nothing more to come. Throws what waiting cannot help. */
async function untilBack(
  { metadata: { name, namespace = '', uid } }: SshTarget['workspace'],
  { via, backoff }: { via: Via; backoff: Backoff },
  context: CommandContext,
): Promise<SshTarget | undefined> {
  let toldWhy = '';
  while (await slept(context.clock, backoff.next(), context.signal)) {
    try {
      const client = await context.client();
      const workspace = await client.get(WORKSPACE, { name, namespace }, context.signal);
      if (workspace.metadata.uid !== uid || workspace.spec.running === false) {
        context.note(
          `workspace ${name} was ${workspace.metadata.uid === uid ? 'stopped' : 'deleted'}: that is all of its logs`,
        );
        return undefined;
      }
      return await targetOf(workspace, context, { via, isFresh: true });
    } catch (error) {
      if (context.signal.aborted) return undefined;
      if (isApiError(error, 'NotFound')) {
        context.note(`workspace ${name} was deleted: that is all of its logs`);
        return undefined;
      }
      if (isApiError(error, 'Forbidden', 'Unauthorized')) throw error;
      const why = (error as Error).message.replace(/\s*\n\s*/g, ' ');
      if (why !== toldWhy && !(error instanceof CliError && /no SSH server yet/.test(why)))
        context.note(`not yet: ${why}`);
      toldWhy = why;
    }
  }
  return undefined;
}
