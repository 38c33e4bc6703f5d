import { randomBytes } from 'node:crypto';
import { LABEL_NODE, LABEL_PLACEMENT, LABEL_SPEC_HASH } from '../../../crds/names.ts';
import { DriverError, type InstanceSpec } from '../../driver.ts';
import { checkSpec } from '../check-spec.ts';
import type { NetworkKeeper } from '../network/network-keeper.ts';
import { notOurs } from '../not-ours.ts';
import type { Addresses } from './addresses.ts';
import { LxdError, lxdCall } from './api/lxd-error.ts';
import type { Config, Device, LxdInstance } from './api/types.ts';
import { BOOT_SCRIPT_PATH, type Boot, bootScript } from './boot-script.ts';
import type { LxcContext } from './context.ts';
import { editInstance } from './edit-instance.ts';
import { putFilesBeforeStart } from './instance-files.ts';
import {
  autoStartConfig,
  baseConfig,
  baseDevices,
  environmentConfig,
  type Placed,
} from './instance-options.ts';
import { findInstance, removeInstance } from './instances.ts';
import { limitConfig } from './limits.ts';
import { instanceId, isOf, KEY, labelOf, lxdName, toLabelConfig } from './names.ts';
import type { LxcNetwork } from './network.ts';
import { ensurePool } from './pools.ts';
import { publishDevice } from './to-instance.ts';
import { ensureVolume } from './volumes.ts';

export interface Making {
  network: NetworkKeeper<LxcNetwork>;
  addresses: Addresses;
}

/**
 * Makes volume and instance. The instance has no labels until its files are in it: a crash at any point leaves nothing that
 * could be taken for whole, and the next create (or sweep) removes it.
 */
export async function createInstance(
  context: LxcContext,
  spec: InstanceSpec,
  making: Making,
): Promise<{ id: string }> {
  checkSpec(context.node, spec);
  const name = lxdName(spec.name);
  const found = await findInstance(context, name);
  if (found) {
    if (!isOf(found.config, context.node)) throw notOurs('instance', name, labelOf(found.config, LABEL_NODE));
    if (found.config[KEY.unfinished] === undefined) return { id: sameAs(spec, found) };
    await removeInstance(context, name);
  }
  const home = await ensureVolume(context, spec.volume);
  context.placements.volumes.set(home.lxdName, { placement: spec.volume.labels[LABEL_PLACEMENT] });
  const mark = randomBytes(16).toString('hex');
  const own: Config = { [KEY.name]: spec.name, [KEY.id]: mark };
  await makeInstance(context, making, {
    name,
    imageId: spec.imageId,
    boot: spec,
    config: {
      ...own,
      [KEY.unfinished]: context.node,
      ...environmentConfig(spec.env),
      ...limitConfig(spec.limits),
      ...autoStartConfig(spec.autoStart),
    },
    devices: {
      home: { type: 'disk', pool: home.pool, source: home.lxdName, path: spec.volume.mountPath },
      ...Object.fromEntries(
        spec.publish.map(publish => [`port-${publish.hostPort}`, publishDevice(publish)]),
      ),
    },
    tmpfs: spec.tmpfs,
    finish: async gateway => {
      const boot = { path: BOOT_SCRIPT_PATH, content: bootScript({ ...spec, gateway }), mode: 0o755 };
      await putFilesBeforeStart(context, name, [boot, ...spec.files]);
      context.placements.instances.set(name, { placement: spec.labels[LABEL_PLACEMENT] });
      await lxdCall(`name ${spec.name}`, () =>
        editInstance(context, name, config => {
          delete config[KEY.unfinished];
          Object.assign(config, toLabelConfig(spec.labels));
        }),
      );
    },
  });
  return { id: instanceId(name, own) };
}

export interface NewInstance {
  name: string;
  imageId: string;
  boot: Pick<Boot, 'hostname'>;
  tmpfs: InstanceSpec['tmpfs'];
  config: Config;
  devices: Record<string, Device>;
  /** Once it is there; when it fails, the instance is removed. */
  finish(gateway: string): Promise<void>;
}

/** An instance of the node, on its network, with an address. */
export async function makeInstance(
  context: LxcContext,
  { network: keeper, addresses }: Making,
  { name, imageId, boot, tmpfs, config, devices, finish }: NewInstance,
): Promise<void> {
  const facts = await context.facts();
  await keeper.use(async held => {
    const network = await held;
    await addresses.use(network, async address => {
      const placed: Placed = {
        pool: await ensurePool(context),
        network,
        address,
        canFilter: facts.canFilterAddresses,
      };
      const body = {
        name,
        type: 'container',
        source: { type: 'image', fingerprint: imageId.replace(/^sha256:/, '') },
        profiles: [],
        config: { ...baseConfig(placed, { hostname: boot.hostname, tmpfs }, facts), ...config },
        devices: { ...baseDevices(placed), ...devices },
      };
      await lxdCall(`create ${name}`, async () => {
        try {
          await context.lxd.change('POST', '/1.0/instances', { body });
        } catch (error) {
          if (isMissingImage(error))
            throw new DriverError('ImageNotFound', `create ${name}: ${(error as Error).message}`, {
              cause: error,
            });
          throw error;
        }
      });
      try {
        await finish(network.subnet.gateway);
      } catch (error) {
        await removeInstance(context, name).catch(problem =>
          context.log.warn({ instance: name, err: problem }, 'a half-made instance could not be removed'),
        );
        throw error;
      }
    });
  });
}

function sameAs(spec: InstanceSpec, { name, config }: LxdInstance): string {
  if ((config[KEY.name] ?? '') !== spec.name) throw notOurs('instance', name, undefined);
  if (labelOf(config, LABEL_SPEC_HASH) !== spec.labels[LABEL_SPEC_HASH])
    throw new DriverError(
      'Invalid',
      `${spec.name} is there, made from another specification; remove it first`,
    );
  return instanceId(name, config);
}

function isMissingImage(error: unknown): boolean {
  return (
    error instanceof LxdError &&
    /image\b.*\bnot found|no such (object|image)|couldn't be found/i.test(error.message)
  );
}
