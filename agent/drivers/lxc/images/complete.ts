import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { untilAborted, withTimeout } from '../../../../controller/kit/abort.ts';
import { DriverError } from '../../../driver.ts';
import type { BaseImage } from '../../images/create-images.ts';
import { OutputTail } from '../../images/output-tail.ts';
import { INSTALL, INSTALL_MS, noManager, PROBE, type ProbeResult, parseProbe } from '../../images/recipe.ts';
import type { Report } from '../../images/shared-tasks.ts';
import { lxdCall } from '../api/lxd-error.ts';
import type { LxdImage } from '../api/types.ts';
import { BOOT_SCRIPT_PATH, bootScript } from '../boot-script.ts';
import type { LxcContext } from '../context.ts';
import { type Making, makeInstance } from '../create-instance.ts';
import { runInInstance } from '../exec.ts';
import { hasFile, putFilesBeforeStart } from '../instance-files.ts';
import { findInstance, halt, removeInstance } from '../instances.ts';
import { bringUp } from '../lifecycle.ts';
import { KEY } from '../names.ts';
import { DERIVED_BY, DERIVED_FROM } from './derived-images.ts';

const PROBE_TIMEOUT_MS = 60_000;

/**
 * Looks into an image with an instance that lives for a moment, and publishes that with what was added when something is
 * missing. Gives the content id of the complete form. Throws ImageUnsupported, ImageBuildFailed and what making an instance
 * throws.
 */
export async function completeImage(
  context: LxcContext,
  making: Making,
  base: BaseImage,
  { report, signal }: { report: Report; signal: AbortSignal },
): Promise<string> {
  const name = `nexus-helper-${randomBytes(8).toString('hex')}`;
  try {
    await startHelper(context, making, base, name);
    signal.throwIfAborted();
    const { missing, manager } = await probe(context, base, name, signal);
    if (missing.length === 0) return base.id;
    if (!manager) throw noManager(base.reference, missing);
    await install(context, base, name, { report, signal });
    return await publish(context, base, name);
  } finally {
    await removeInstance(context, name).catch(error =>
      context.log.warn({ instance: name, err: error }, 'a helper instance could not be removed'),
    );
  }
}

const unsupported = ({ reference }: BaseImage, why: string, cause?: unknown) =>
  new DriverError('ImageUnsupported', `${reference} cannot become a workspace: ${why}`, { cause });

async function startHelper(
  context: LxcContext,
  making: Making,
  base: BaseImage,
  name: string,
): Promise<void> {
  const boot = { hostname: 'nexus-helper', command: ['sleep', '3600'], isBare: true };
  try {
    await makeInstance(context, making, {
      name,
      imageId: base.id,
      boot,
      config: { [KEY.helper]: context.node },
      devices: {},
      tmpfs: {},
      async finish(gateway) {
        if (!(await hasFile(context, name, '/bin/sh'))) throw unsupported(base, 'it has no shell (/bin/sh).');
        const script = { path: BOOT_SCRIPT_PATH, content: bootScript({ ...boot, gateway }), mode: 0o755 };
        await putFilesBeforeStart(context, name, [script]);
        const made = await findInstance(context, name);
        if (made) await bringUp(context, made);
      },
    });
  } catch (error) {
    const { message } = error as Error;
    if (/architecture/i.test(message))
      throw unsupported(base, 'it is made for another kind of processor.', error);
    throw error;
  }
}

async function probe(
  context: LxcContext,
  base: BaseImage,
  name: string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const looking = runInInstance(context, name, ['/bin/sh', '-c', PROBE]).then(({ stdout, stderr }) =>
    Promise.all([text(stdout), text(stderr)]),
  );
  const [output, problem] = await untilAborted(
    withTimeout(looking, PROBE_TIMEOUT_MS, context.clock, () =>
      unsupported(base, 'its shell does not come to an end.'),
    ),
    signal,
  );
  const result = parseProbe(output);
  if (!result) throw unsupported(base, `its shell says: ${(problem || output).trim().slice(-300)}`);
  return result;
}

/** Adds what a workspace needs. Throws ImageBuildFailed with the end of the output. */
async function install(
  context: LxcContext,
  { reference }: BaseImage,
  name: string,
  { report, signal }: { report: Report; signal: AbortSignal },
): Promise<void> {
  const message = `adding SSH and Git to ${reference}`;
  const output = new OutputTail();
  report({ phase: 'building', message });
  const failed = (why = '') =>
    new DriverError(
      'ImageBuildFailed',
      `SSH and Git could not be added to ${reference}:${why}\n${output.text}`.trim(),
    );
  const { stdout, stderr, exit } = await runInInstance(context, name, ['/bin/sh', '-c', INSTALL], { signal });
  output.follow([stdout, stderr], line => report({ phase: 'building', message: `${message}: ${line}` }));
  const late = () => failed(` it took longer than ${INSTALL_MS / 60_000} minutes.`);
  if ((await withTimeout(exit, INSTALL_MS, context.clock, late)) !== 0) throw failed();
}

/** The instance as an image; gives its content id. */
async function publish(context: LxcContext, base: BaseImage, name: string): Promise<string> {
  const { lxd } = context;
  return lxdCall(`publish what ${base.reference} became`, async () => {
    const forget = ['rm', '-f', BOOT_SCRIPT_PATH, '/etc/hostname', '/etc/resolv.conf'];
    const { stdout, stderr, exit } = await runInInstance(context, name, forget);
    stdout.resume();
    stderr.resume();
    await exit;
    await halt(context, name);
    const { properties } = await lxd.get<LxdImage>(`/1.0/images/${base.id.replace(/^sha256:/, '')}`);
    const { metadata } = await lxd.change<{ fingerprint?: string }>('POST', '/1.0/images', {
      body: {
        source: { type: 'instance', name },
        // It is read again at once, and never sent anywhere.
        compression_algorithm: 'none',
        properties: { ...properties, [DERIVED_FROM]: base.id, [DERIVED_BY]: context.node },
      },
    });
    if (!metadata?.fingerprint) throw new DriverError('Internal', 'LXD did not tell what it published');
    return `sha256:${metadata.fingerprint}`;
  });
}
