import type { Readable } from 'node:stream';
import { DriverError, type DriverErrorCode, type ImageLogin } from '../../../driver.ts';
import type { Report } from '../../images/shared-tasks.ts';
import type { DockerContext } from '../context.ts';
import { engineMessage, statusOf, toDriverError } from '../errors.ts';
import { followLines } from './follow.ts';
import { type PullLine, PullProgress } from './pull-progress.ts';
import { isContentId, withTag } from './reference.ts';

/** Fetches an image from its registry. Throws ImageNotFound, ImageDenied, ImagePullFailed, Invalid or EngineUnavailable. */
export async function pullImage(
  { docker, clock }: Pick<DockerContext, 'docker' | 'clock'>,
  { reference, login }: { reference: string; login?: ImageLogin },
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
    const stream = (await docker.pull(withTag(reference), {
      abortSignal: signal,
      ...(login && { authconfig: authConfig(login) }),
    })) as Readable;
    await followLines<PullLine>(stream, { signal, clock }, line => {
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

/** In the words of the engines' API; it goes with the request alone, and the engine keeps none of it. */
function authConfig({ identityToken, ...login }: ImageLogin): object {
  return { ...login, ...(identityToken !== undefined && { identitytoken: identityToken }) };
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
  const missing =
    /manifest (for .* )?(is )?(not found|unknown)|not found: manifest|name unknown|does not exist|pull access denied|repository .* not found|no matching manifest/i;
  if (missing.test(message)) return 'ImageNotFound';
  const denied = /unauthorized|denied|authentication required|no basic auth credentials|invalid username/i;
  return denied.test(message) ? 'ImageDenied' : 'ImagePullFailed';
}
