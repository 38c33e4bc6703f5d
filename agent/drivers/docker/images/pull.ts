import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { DriverError, type DriverErrorCode } from '../../../driver.ts';
import type { Report } from '../../images/shared-tasks.ts';
import { engineMessage, statusOf, toDriverError } from '../errors.ts';
import { followLines } from './follow.ts';
import { type PullLine, PullProgress } from './pull-progress.ts';
import { isContentId, withTag } from './reference.ts';

/** Fetches an image from its registry. Throws ImageNotFound, ImagePullFailed, Invalid or EngineUnavailable. */
export async function pullImage(
  docker: Docker,
  reference: string,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (isContentId(reference))
    throw new DriverError(
      'ImageNotFound',
      `the engine has no image ${reference}, and a content id cannot be pulled`,
    );
  const progress = new PullProgress(reference);
  let problem: string | undefined;
  report(progress.progress());
  try {
    const stream = (await docker.pull(withTag(reference), { abortSignal: signal })) as Readable;
    await followLines<PullLine>(stream, signal, line => {
      problem ??= line.error;
      progress.add(line);
      report(progress.progress());
    });
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === undefined) throw toDriverError(error, `pull ${reference}`);
    throw pullError(reference, engineMessage(error), error);
  }
  if (problem) throw pullError(reference, problem);
  report({ phase: 'pulling', percent: 100, message: `pulled ${reference}` });
}

function pullError(reference: string, message: string, cause?: unknown): DriverError {
  return new DriverError(pullErrorCode(message), `pull ${reference}: ${message.trim()}`, { cause });
}

/** Engines tell everything that goes wrong with a registry by the same status, so their words decide. */
export function pullErrorCode(message: string): DriverErrorCode {
  if (
    /invalid reference format|invalid repository name|repository name must|must be lowercase/i.test(message)
  )
    return 'Invalid';
  const refused =
    /manifest (for .* )?(is )?(not found|unknown)|not found: manifest|name unknown|does not exist|pull access denied|repository .* not found|no matching manifest|unauthorized|denied|authentication required|invalid username/i;
  return refused.test(message) ? 'ImageNotFound' : 'ImagePullFailed';
}
