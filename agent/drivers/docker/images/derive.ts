import type { Readable } from 'node:stream';
import { DriverError } from '../../../driver.ts';
import { derivedTag } from '../../images/recipe.ts';
import type { Report } from '../../images/shared-tasks.ts';
import { tarOf } from '../../tar.ts';
import type { DockerContext } from '../context.ts';
import { engineMessage, statusOf, toDriverError } from '../errors.ts';
import { dockerfile } from './dockerfile.ts';
import { followLines } from './follow.ts';

const TAIL_CHARS = 1500;
const REPOSITORY = 'nexus-derived';

/** On derived images: the content id that they were made from. */
export const LABEL_DERIVED_FROM = 'nexus.dev/derived-from';
/** Name of the node whose agent made them. Not the label of what belongs to a node: containers get those of their image. */
export const LABEL_DERIVED_BY = 'nexus.dev/derived-by';

/** The name of the complete form of an image. */
export function derivedName(baseId: string): { repo: string; tag: string; name: string } {
  const tag = derivedTag(baseId);
  return { repo: REPOSITORY, tag, name: `${REPOSITORY}:${tag}` };
}

/** Whether a name is one of ours. */
export function isDerived(name: string): boolean {
  return name.startsWith(`${REPOSITORY}:`);
}

/** Engines repeat the command that failed, of which nobody can read why. */
function withoutScript(message: string): string {
  return message
    .replace(
      /The command '[\s\S]*' returned a non-zero code: (\d+)/,
      'the package manager ended with exit code $1',
    )
    .replace(/building at STEP "RUN [\s\S]*": (?=while running)/, '');
}

/** Adds what a workspace needs to an image. Throws ImageBuildFailed with the end of the output. */
export async function buildDerived(
  { docker, node }: DockerContext,
  base: { id: string; reference: string; buildArgs: Record<string, string> },
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const labels = { [LABEL_DERIVED_FROM]: base.id, [LABEL_DERIVED_BY]: node };
  const context = await tarOf([{ name: 'Dockerfile', content: dockerfile(base.id, labels), mode: 0o644 }]);
  const message = `adding SSH and Git to ${base.reference}`;
  let tail = '';
  let problem: string | undefined;
  const failed = (why: string, cause?: unknown) =>
    new DriverError(
      'ImageBuildFailed',
      `SSH and Git could not be added to ${base.reference}: ${withoutScript(why).trim()}\n${tail.trim()}`.trim(),
      { cause },
    );
  report({ phase: 'building', message });
  try {
    const stream = (await docker.buildImage(context as unknown as NodeJS.ReadableStream, {
      t: derivedName(base.id).name,
      rm: true,
      forcerm: true,
      buildargs: base.buildArgs,
      abortSignal: signal,
    })) as Readable;
    await followLines<{ stream?: string; error?: string }>(stream, signal, line => {
      problem ??= line.error;
      // The instruction itself, script and all.
      if (/^step \d/i.test(line.stream ?? '')) return;
      tail = (tail + (line.stream ?? '')).slice(-TAIL_CHARS);
      const last = line.stream?.trim().split('\n').at(-1)?.slice(0, 120);
      if (last) report({ phase: 'building', message: `${message}: ${last}` });
    });
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === undefined) throw toDriverError(error, message);
    throw failed(engineMessage(error), error);
  }
  if (problem) throw failed(problem);
}
