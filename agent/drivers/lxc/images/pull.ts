import { childAbort } from '../../../../controller/kit/abort.ts';
import { DriverError, type DriverErrorCode } from '../../../driver.ts';
import type { Report } from '../../images/shared-tasks.ts';
import { DOWNLOAD_SILENCE_MS, Silence } from '../../silence.ts';
import { LxdError, toDriverError } from '../api/lxd-error.ts';
import type { LxcContext } from '../context.ts';
import { fingerprintOf } from './reference.ts';

interface PullMetadata {
  /** `metadata: 100% (5.1GB/s)`, then `rootfs: 45% (3.20MB/s)`. */
  download_progress?: string;
  fingerprint?: string;
}

export interface RemoteImage {
  /** URL of a server that speaks simplestreams. */
  server: string;
  alias: string;
  /** As asked for; for people. */
  reference: string;
}

/** Fetches an image from its server; gives its fingerprint. Throws ImageNotFound, ImagePullFailed or EngineUnavailable. */
export async function pullImage(
  { lxd, clock }: Pick<LxcContext, 'lxd' | 'clock'>,
  { server, alias, reference }: RemoteImage,
  report: Report,
  signal: AbortSignal,
): Promise<string> {
  const message = `pulling ${reference}`;
  report({ phase: 'pulling', message });
  const fingerprint = fingerprintOf(alias);
  const { controller, unlink } = childAbort(signal);
  const silence = new Silence(clock, DOWNLOAD_SILENCE_MS, () =>
    controller.abort(
      new DriverError(
        'ImagePullFailed',
        `${message}: nothing more came for ${DOWNLOAD_SILENCE_MS / 60_000} minutes`,
      ),
    ),
  );
  let told: string | undefined;
  try {
    const { metadata } = await lxd.change<PullMetadata>('POST', '/1.0/images', {
      body: {
        auto_update: false,
        source: {
          type: 'image',
          mode: 'pull',
          server,
          protocol: 'simplestreams',
          image_type: 'container',
          ...(fingerprint === undefined ? { alias } : { fingerprint }),
        },
      },
      signal: controller.signal,
      onProgress: ({ download_progress: progress }) => {
        if (progress !== told) silence.heard();
        told = progress;
        const percent = pullPercent(progress);
        report({ phase: 'pulling', message, ...(percent !== undefined && { percent }) });
      },
    });
    if (!metadata?.fingerprint)
      throw new DriverError('ImagePullFailed', `${message}: LXD did not tell what it fetched`);
    report({ phase: 'pulling', percent: 100, message: `pulled ${reference}` });
    return metadata.fingerprint;
  } catch (error) {
    controller.signal.throwIfAborted();
    if (!(error instanceof LxdError)) throw toDriverError(error, message);
    throw new DriverError(pullErrorCode(error.message), `${message}: ${error.message}`, { cause: error });
  } finally {
    silence.stop();
    unlink();
  }
}

/** Of the root file system, which is nearly all of it. 100 is said when LXD is done with all. */
export function pullPercent(progress: string | undefined): number | undefined {
  const percent = /^rootfs(?: delta)?: (\d+)%/.exec(progress ?? '')?.[1];
  return percent === undefined ? undefined : Math.min(99, Number(percent));
}

/** LXD tells everything that goes wrong with a server as its own failure, so its words decide. */
export function pullErrorCode(message: string): DriverErrorCode {
  return /couldn't be found|not found|doesn't exist|no such|unauthorized|forbidden/i.test(message)
    ? 'ImageNotFound'
    : 'ImagePullFailed';
}
