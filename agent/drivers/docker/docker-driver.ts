import { type Clock, systemClock } from '../../../controller/kit/clock.ts';
import { type Logger, silentLogger } from '../../../controller/kit/log.ts';
import { LABEL_NODE, LABEL_PLACEMENT } from '../../../crds/names.ts';
import { type Driver, DriverError } from '../../driver.ts';
import { connect, type EngineAddress } from './address.ts';
import { inspectOurs, listEverything, removeContainer } from './containers.ts';
import type { DockerContext } from './context.ts';
import { createInstance } from './create-instance.ts';
import { type EngineFacts, readFacts } from './engine-facts.ts';
import { engineCall, statusOf } from './errors.ts';
import { execInContainer } from './exec.ts';
import { createImages } from './images/ensure-image.ts';
import { Leftovers } from './leftovers.ts';
import { startInstance, stopInstance, updateLimits } from './lifecycle.ts';
import { isOwnAddress } from './network/host-network.ts';
import { inspectNetwork } from './network/network.ts';
import { NetworkKeeper } from './network/network-keeper.ts';
import { putFiles } from './put-files.ts';
import { watchEngine } from './watch.ts';

export interface DockerDriverOptions extends EngineAddress {
  /** Everything made carries this node's label; nothing else is touched. */
  node: string;
  clock?: Clock;
  log?: Logger;
  /** For the builds of derived images: `http_proxy`, `https_proxy` and `no_proxy` where the node needs them. */
  buildArgs?: Record<string, string>;
}

/** Docker 20.10 or later, or Podman 4 or later by its Docker-compatible socket. */
export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { node, clock = systemClock, log = silentLogger } = options;
  const { docker, close } = connect(options);
  let facts: Promise<EngineFacts> | undefined;
  const context: DockerContext = {
    docker,
    node,
    clock,
    log,
    facts() {
      facts ??= engineCall('ask the engine', () => readFacts(docker, options));
      facts.catch(() => {
        facts = undefined;
      });
      return facts;
    },
  };
  const images = createImages(context, options.buildArgs ?? {});
  const network = new NetworkKeeper(context);
  const leftovers = new Leftovers(context);
  /** Volumes of this node by name, as last seen: events of volumes come without labels. */
  const volumes = new Map<string, { placement?: string }>();

  const direct = async () => {
    const { local, rootless } = await context.facts();
    if (!local || rootless) return false;
    const [gateway] = (await inspectNetwork(context))?.gateways ?? [];
    return gateway === undefined || isOwnAddress(gateway);
  };

  return {
    name: 'docker',

    async info() {
      await engineCall('ask the engine', () => docker.ping());
      leftovers.sweep().catch(error => log.warn({ err: error }, 'half-made containers could not be removed'));
      const { version, capacity } = await context.facts();
      return {
        version,
        capacity,
        isolation: await network.isolation(),
        directNetwork: await direct(),
      };
    },

    async list(signal) {
      const found = await listEverything(context, direct, signal);
      for (const { name, labels } of found.volumes) volumes.set(name, { placement: labels[LABEL_PLACEMENT] });
      return found;
    },

    watch: signal =>
      watchEngine(context, signal, name => {
        const known = volumes.get(name);
        volumes.delete(name);
        return known;
      }),

    ensureImage: images.ensure,

    async create(spec) {
      await leftovers.sweep();
      const made = await leftovers.making(spec.name, () =>
        network.use(name => createInstance(context, spec, name)),
      );
      volumes.set(spec.volume.name, { placement: spec.volume.labels[LABEL_PLACEMENT] });
      return made;
    },

    start: id => startInstance(context, id),
    stop: (id, timeoutSeconds) => stopInstance(context, id, timeoutSeconds),
    update: (id, limits) => updateLimits(context, id, limits),

    async remove(id) {
      try {
        await inspectOurs(context, id);
      } catch (error) {
        if (error instanceof DriverError && error.code === 'NotFound') return;
        throw error;
      }
      await removeContainer(docker, id);
      await network.releaseUnused();
    },

    async removeVolume(name) {
      await leftovers.sweep();
      await engineCall(`remove volume ${name}`, async () => {
        try {
          const volume = docker.getVolume(name);
          const { Labels: labels } = await volume.inspect();
          if (labels?.[LABEL_NODE] !== node)
            throw new DriverError('Invalid', `the volume ${name} does not belong to node ${node}`);
          await volume.remove();
        } catch (error) {
          if (statusOf(error) !== 404) throw error;
        }
      });
    },

    exec: (id, command, execOptions) => execInContainer(context, id, command, execOptions),
    putFiles: (id, files) => putFiles(context, id, files),
    async close() {
      images.close();
      close();
    },
  };
}
