import { existsSync } from 'node:fs';
import type { ContainerInspectInfo } from 'dockerode';
import { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import { type Clock, systemClock } from '../../../controller/kit/clock.ts';
import { type Logger, silentLogger } from '../../../controller/kit/log.ts';
import { LABEL_PLACEMENT } from '../../../crds/names.ts';
import type { Driver, Instance, Limits } from '../../driver.ts';
import { boundedCalls, knownOnce } from '../bounded-calls.ts';
import { createImages } from '../images/create-images.ts';
import { Leftovers } from '../leftovers.ts';
import { isOwnAddress } from '../network/host-network.ts';
import { NetworkKeeper } from '../network/network-keeper.ts';
import { Endings } from '../process-tree.ts';
import { putFiles } from '../put-files.ts';
import { connect, type EngineAddress } from './address.ts';
import { isThere, listEverything, removeContainer, removeVolume } from './containers.ts';
import type { DockerContext } from './context.ts';
import { createInstance } from './create-instance.ts';
import { readFacts } from './engine-facts.ts';
import { engineCall } from './errors.ts';
import { execInContainer } from './exec.ts';
import { listDerivedImages, removeDerivedImage } from './images/derived-images.ts';
import { imageNames } from './images/image-names.ts';
import { dockerImages } from './images/image-store.ts';
import { dockerLeftovers } from './leftover-source.ts';
import { setAutoStart, startInstance, stopInstance, updateLimits } from './lifecycle.ts';
import { dockerNetwork, inspectNetwork } from './network.ts';
import { asAskedFor, effectiveLimits } from './podman-limits.ts';
import { toInstance } from './to-instance.ts';
import { watchEngine } from './watch.ts';

const READ_TIMEOUT_MS = 60_000;
/** Disks under load are slow to make and remove things. */
const CHANGE_TIMEOUT_MS = 180_000;
/** Whether the host reaches instances hardly ever changes, and is asked with every list. */
const REACH_MS = 15_000;

export interface DockerDriverOptions extends EngineAddress {
  /** Everything made carries this node's label; nothing else is touched. */
  node: string;
  clock?: Clock;
  log?: Logger;
  /** TCP ports of the node that instances may reach, for a proxy or a Git server on it. Defaults to none. */
  allowHostPorts?: readonly number[];
}

/** Docker 20.10 or later, or Podman 4 or later by its Docker-compatible socket. */
export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { node, clock = systemClock, log = silentLogger } = options;
  const { docker, close } = connect(options, clock);
  const facts = knownOnce(() => engineCall('ask the engine', () => readFacts(docker, options)));
  const context: DockerContext = {
    docker,
    node,
    allowHostPorts: options.allowHostPorts ?? [],
    clock,
    log,
    endings: new Endings(),
    missingDirs: new BoundedMap(100),
    facts: facts.get,
  };
  const network = new NetworkKeeper(dockerNetwork(context), { clock, log });
  const store = dockerImages(context, network);
  const images = createImages(store, clock);
  const leftovers = new Leftovers(dockerLeftovers(context), { clock, log });
  /** Volumes of this node by name, as last seen: events of volumes come without labels. */
  const volumes = new BoundedMap<string, { placement?: string }>(10_000);

  const findDirect = async () => {
    const { local, rootless, kind } = await context.facts();
    if (!local || rootless) return false;
    const found = await inspectNetwork(context);
    const gateway = found?.gateways[0];
    if (!gateway || (await isOwnAddress(gateway))) return true;
    // Podman makes the bridge with the first container that runs.
    return kind === 'podman' && !existsSync(`/sys/class/net/${found.bridge}`);
  };

  let reach: { isDirect: Promise<boolean>; at: number } | undefined;
  const direct = () => {
    if (reach && clock.now() - reach.at < REACH_MS) return reach.isDirect;
    const isDirect = findDirect();
    reach = { isDirect, at: clock.now() };
    isDirect.catch(() => {
      reach = undefined;
    });
    return isDirect;
  };

  /** Made by this driver and not started yet: ours, and in no other state. */
  const fresh = new BoundedMap<string, true>(1000);
  /** Limits that were asked for, by instance: what Podman shows is not what holds. */
  const asked = new BoundedMap<string, Limits>(1000);
  const shown = async () => {
    const [reachable, { kind, local }] = await Promise.all([direct(), context.facts()]);
    return async (found: ContainerInspectInfo): Promise<Instance> => {
      const instance = toInstance(found, reachable);
      if (kind !== 'podman') return instance;
      delete instance.autoStart;
      if (!local || instance.state !== 'Running') return instance;
      const limits = await effectiveLimits(found.State.Pid);
      return limits
        ? { ...instance, limits: asAskedFor(limits, asked.get(instance.id), instance.limits) }
        : instance;
    };
  };

  const { read, change } = boundedCalls({
    engine: 'the engine',
    clock,
    readMs: READ_TIMEOUT_MS,
    changeMs: CHANGE_TIMEOUT_MS,
  });
  const exec: Driver['exec'] = (id, command, execOptions) =>
    change('exec', () => execInContainer(context, id, command, execOptions));

  return {
    name: 'docker',

    async info(signal) {
      try {
        await read('ping', () => engineCall('ping', () => docker.ping(), signal));
      } catch (error) {
        facts.forget();
        throw error;
      }
      leftovers.sweep().catch(error => log.warn({ err: error }, 'half-made containers could not be removed'));
      return read('info', async () => {
        const [{ version, capacity }, names] = await Promise.all([
          context.facts(),
          imageNames(docker).catch(() => undefined),
        ]);
        return {
          version,
          capacity,
          isolation: await network.isolation(),
          directNetwork: await direct(),
          ...(names && { images: names }),
        };
      });
    },

    async list(signal) {
      const found = await read('list', async () => listEverything(context, shown(), signal));
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

    derivedImages: wanted =>
      read('derivedImages', () => listDerivedImages(docker, wanted, reference => store.find(reference))),

    removeDerivedImage: name => change('removeDerivedImage', () => removeDerivedImage(docker, name)),

    async create(spec) {
      const { id, isNew } = await change(`create ${spec.name}`, async () => {
        await leftovers.sweep();
        return leftovers.making(spec.name, () => createInstance(context, spec, network));
      });
      volumes.set(spec.volume.name, { placement: spec.volume.labels[LABEL_PLACEMENT] });
      if (isNew) fresh.set(id, true);
      return { id };
    },

    // Podman attaches to what runs.
    takesInput: async () => (await context.facts()).kind === 'docker',

    start: (id, { input } = {}) => {
      const isNew = fresh.delete(id);
      return change('start', () => startInstance(context, id, { network, input, isNew }));
    },
    stop: (id, seconds) => change('stop', () => stopInstance(context, id, seconds), seconds * 1000),
    update: (id, limits) =>
      change('update', async () => {
        await updateLimits(context, id, limits);
        asked.set(id, limits);
      }),

    setAutoStart: (id, autoStart) => change('setAutoStart', () => setAutoStart(context, id, autoStart)),

    remove: id =>
      change('remove', async () => {
        if (!(await isThere(context, id))) return;
        await removeContainer(docker, id);
        network.releaseUnused();
      }),

    removeVolume: name =>
      change('removeVolume', async () => {
        await leftovers.sweep();
        await removeVolume(context, name);
      }),

    exec,
    putFiles: (id, files) => change('putFiles', () => putFiles(exec, id, files)),

    async close() {
      await context.endings.settled(clock);
      await network.close();
      images.close();
      close();
    },
  };
}
