import { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import { type Clock, systemClock } from '../../../controller/kit/clock.ts';
import { familiarName } from '../../../controller/kit/image-name.ts';
import { type Logger, silentLogger } from '../../../controller/kit/log.ts';
import { LABEL_NODE, LABEL_PLACEMENT } from '../../../crds/names.ts';
import type { Driver } from '../../driver.ts';
import { boundedCalls, knownOnce } from '../bounded-calls.ts';
import { createImages } from '../images/create-images.ts';
import { Leftovers } from '../leftovers.ts';
import { isOwnAddress } from '../network/host-network.ts';
import { NetworkKeeper } from '../network/network-keeper.ts';
import { Endings } from '../process-tree.ts';
import { putFiles } from '../put-files.ts';
import { Addresses } from './addresses.ts';
import { LxdClient } from './api/lxd-client.ts';
import { lxdCall } from './api/lxd-error.ts';
import type { LxcContext } from './context.ts';
import { createInstance, type Making } from './create-instance.ts';
import { execInInstance } from './exec.ts';
import { listDerivedImages, removeDerivedImage } from './images/derived-images.ts';
import { imageNames, lxcImages } from './images/image-store.ts';
import { defaultRemotes } from './images/remotes.ts';
import { findOurs, listInstances, removeInstance } from './instances.ts';
import { lxcLeftovers } from './leftover-source.ts';
import { changeAutoStart, startInstance, stopInstance, updateLimits } from './lifecycle.ts';
import { readFacts } from './lxd-facts.ts';
import { KEY, labelOf } from './names.ts';
import { inspectNetwork, lxcNetwork } from './network.ts';
import { poolBytes } from './pools.ts';
import { toInstance } from './to-instance.ts';
import { Turns } from './turns.ts';
import { listVolumes, removeVolume } from './volumes.ts';
import { watchEngine } from './watch.ts';

const READ_TIMEOUT_MS = 60_000;
/** A root file system is unpacked, and disks under load are slow. */
const CHANGE_TIMEOUT_MS = 300_000;

export interface LxcDriverOptions {
  socketPath: string;
  /** Everything made carries this node's label; nothing else is touched. */
  node: string;
  /** Storage pool. Defaults to that of LXD's default profile, else the first one; an LXD without any gets one. */
  pool?: string;
  /** A bridge of LXD's. Defaults to one of the node's own. */
  network?: string;
  /** Image servers by name, over the usual ones. */
  remotes?: ReadonlyMap<string, string>;
  /** TCP ports of the node that instances may reach. Defaults to none. */
  allowHostPorts?: readonly number[];
  clock?: Clock;
  log?: Logger;
}

/** LXD 5.0 or later, or Incus, by their REST API: system containers. */
export function createLxcDriver(options: LxcDriverOptions): Driver {
  const { node, socketPath, clock = systemClock, log = silentLogger } = options;
  const lxd = new LxdClient(socketPath, clock);
  const facts = knownOnce(() => lxdCall('ask LXD', () => readFacts(lxd)));
  const context: LxcContext = {
    lxd,
    node,
    ...(options.pool !== undefined && { pool: options.pool }),
    ...(options.network !== undefined && { network: options.network }),
    allowHostPorts: options.allowHostPorts ?? [],
    clock,
    log,
    endings: new Endings(),
    placements: { instances: new BoundedMap(10_000), volumes: new BoundedMap(10_000) },
    async remotes() {
      const { kind } = await context.facts();
      return new Map([...defaultRemotes(kind), ...(options.remotes ?? [])]);
    },
    facts: facts.get,
  };
  const network = new NetworkKeeper(lxcNetwork(context), { clock, log });
  const making: Making = {
    network,
    addresses: new Addresses(context),
  };
  const store = lxcImages(context, making);
  const images = createImages(store, clock);
  const findComplete = async (reference: string) => {
    const base = await store.find(reference);
    return base === undefined ? undefined : store.findComplete(base);
  };
  const turns = new Turns();
  const leftovers = new Leftovers(lxcLeftovers(context), { clock, log });

  const isReachable = async () => {
    const found = await inspectNetwork(context);
    return !found || isOwnAddress(found.subnet.gateway);
  };

  const { read, change } = boundedCalls({
    engine: 'LXD',
    clock,
    readMs: READ_TIMEOUT_MS,
    changeMs: CHANGE_TIMEOUT_MS,
  });
  const exec: Driver['exec'] = (id, command, execOptions) =>
    change('exec', () => execInInstance(context, id, command, execOptions));

  return {
    name: 'lxc',

    async info(signal) {
      try {
        await read('ping', () => lxdCall('ping', () => lxd.get('/1.0', signal), signal));
      } catch (error) {
        facts.forget();
        throw error;
      }
      leftovers.sweep().catch(error => log.warn({ err: error }, 'half-made instances could not be removed'));
      return read('info', async () => {
        const { version, cpuMillis, memoryBytes } = await context.facts();
        const [diskBytes, isolation, directNetwork, names] = await Promise.all([
          lxdCall('look at the storage pools', () => poolBytes(context)),
          network.isolation(),
          isReachable(),
          imageNames(context).catch(() => undefined),
        ]);
        return {
          version,
          capacity: { cpuMillis, memoryBytes, diskBytes },
          isolation,
          directNetwork,
          ...(names && { images: names.map(familiarName) }),
        };
      });
    },

    list: signal =>
      read('list', async () => {
        const [all, ours, reachable] = await Promise.all([
          listInstances(context, signal),
          listVolumes(context, signal),
          isReachable(),
        ]);
        const volumes = new Map(ours.map(({ pool, lxdName, name }) => [`${pool}/${lxdName}`, name]));
        for (const { lxdName, labels } of ours)
          context.placements.volumes.set(lxdName, { placement: labels[LABEL_PLACEMENT] });
        const whole = all.filter(
          ({ config }) => labelOf(config, LABEL_NODE) === node && config[KEY.unfinished] === undefined,
        );
        for (const { name, config } of whole)
          context.placements.instances.set(name, { placement: labelOf(config, LABEL_PLACEMENT) });
        return {
          instances: whole
            .map(found => toInstance(found, { volumes, isReachable: reachable }))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
          volumes: ours.map(({ name, labels }) => ({ name, labels })),
        };
      }),

    watch: signal => watchEngine(context, signal),
    ensureImage: images.ensure,
    derivedImages: wanted => read('derivedImages', () => listDerivedImages(context, wanted, findComplete)),
    removeDerivedImage: name => change('removeDerivedImage', () => removeDerivedImage(context, name)),

    create: spec =>
      change(`create ${spec.name}`, async () => {
        await leftovers.sweep();
        return turns.run(spec.name, () =>
          leftovers.making(spec.name, () => createInstance(context, spec, making)),
        );
      }),

    async start(id) {
      await change('start', () => startInstance(context, id));
      // The first process has no input that LXD could pass on.
      return { inputTaken: false };
    },
    stop: (id, seconds) => change('stop', () => stopInstance(context, id, seconds), seconds * 1000),
    update: (id, limits) => change('update', () => updateLimits(context, id, limits)),
    setAutoStart: (id, autoStart) => change('setAutoStart', () => changeAutoStart(context, id, autoStart)),

    remove: id =>
      change('remove', async () => {
        await turns.run(id, async () => {
          const found = await findOurs(context, id);
          if (found) await removeInstance(context, found.name);
        });
        network.releaseUnused();
      }),

    removeVolume: name =>
      change('removeVolume', async () => {
        await leftovers.sweep();
        await turns.run(`volume ${name}`, () => removeVolume(context, name));
      }),

    exec,
    putFiles: (id, files) => change('putFiles', () => putFiles(exec, id, files)),

    async close() {
      await context.endings.settled(clock);
      await network.close();
      images.close();
      lxd.close();
    },
  };
}
