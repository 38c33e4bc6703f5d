import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { untilAborted, withTimeout } from '../../../../controller/kit/abort.ts';
import { DriverError } from '../../../driver.ts';
import { PROBE, type ProbeResult, parseProbe } from '../../images/recipe.ts';
import { removeContainer } from '../containers.ts';
import type { DockerContext } from '../context.ts';
import { Demultiplexer } from '../demultiplexer.ts';
import { engineCall, engineMessage, toDriverError } from '../errors.ts';
import { helperOptions } from './helper.ts';

const PROBE_TIMEOUT_MS = 60_000;

/** Looks into an image with a container that lives for a moment and sees no network. Throws ImageUnsupported. */
export async function probeImage(
  context: DockerContext,
  image: { id: string; reference: string },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { docker, clock } = context;
  const unsupported = (why: string, cause?: unknown) =>
    new DriverError('ImageUnsupported', `${image.reference} cannot become a workspace: ${why}`, { cause });
  const what = `look into ${image.reference}`;
  const options = await helperOptions(context, image.id, PROBE, { NetworkMode: 'none' });
  const container = await engineCall(what, () => docker.createContainer(options));
  try {
    try {
      await container.start();
    } catch (error) {
      const message = engineMessage(error);
      if (/exec format error/i.test(message))
        throw unsupported('it is made for another kind of processor.', error);
      if (/\/bin\/sh\b.*(no such file|not found|permission denied)/i.test(message))
        throw unsupported('it has no shell (/bin/sh).', error);
      throw error;
    }
    const waited = withTimeout(container.wait(), PROBE_TIMEOUT_MS, clock, () =>
      unsupported('its shell does not come to an end.'),
    );
    await untilAborted(waited, signal);
    const output = await readLog(await container.logs({ stdout: true, stderr: true }));
    const result = parseProbe(output);
    if (!result)
      throw unsupported(
        /exec format error/i.test(output)
          ? 'it is made for another kind of processor.'
          : `its shell says: ${output.trim().slice(-300)}`,
      );
    return result;
  } catch (error) {
    signal.throwIfAborted();
    throw toDriverError(error, what);
  } finally {
    await removeContainer(docker, container.id).catch(error =>
      context.log.warn({ container: container.id, err: error }, 'a helper container could not be removed'),
    );
  }
}

async function readLog(frames: Buffer): Promise<string> {
  const all = new PassThrough();
  const demultiplexer = new Demultiplexer(all, all);
  demultiplexer.end(frames);
  return text(all);
}
