import { createHash } from 'node:crypto';
import { type Clock, systemClock, timestamp } from '../../../controller/kit/clock.ts';
import { LABEL_NODE, LABEL_SPEC_HASH } from '../../../crds/names.ts';
import { type Driver, DriverError, type DriverInfo, type Instance } from '../../driver.ts';
import { notOurs } from '../not-ours.ts';
import { builtinExec, type MemoryExec, startProcess } from './exec.ts';
import { MemoryEngine, type MemoryInstance, type MemoryOperation } from './memory-engine.ts';

export interface MemoryDriverOptions {
  /** Only what carries this node's label is listed. */
  node: string;
  clock?: Clock;
  /** Shared by drivers that should see the same instances. Defaults to a new one. */
  engine?: MemoryEngine;
  /** Defaults to 8 cores, 32 GiB, 500 GiB. */
  capacity?: DriverInfo['capacity'];
  /** Instead of the few built-in commands. */
  exec?: MemoryExec;
}

export interface MemoryDriver extends Driver {
  readonly engine: MemoryEngine;
}

/** A driver without an engine, for tests and benchmarks: instances are records, faults are injected on `engine`. */
export function createMemoryDriver(options: MemoryDriverOptions): MemoryDriver {
  const { node, clock = systemClock, engine = new MemoryEngine() } = options;
  const capacity = options.capacity ?? {
    cpuMillis: 8000,
    memoryBytes: 32 * 2 ** 30,
    diskBytes: 500 * 2 ** 30,
  };
  const exec = options.exec ?? builtinExec(engine, clock);

  async function call(operation: MemoryOperation, signal?: AbortSignal): Promise<void> {
    const { delayMs, error } = engine.count(operation);
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    signal?.throwIfAborted();
    if (error) throw error;
    if (engine.down) throw new DriverError('EngineUnavailable', 'the in-memory engine is down');
  }

  function get(id: string): MemoryInstance {
    const instance = engine.instances.get(id);
    if (!instance) throw new DriverError('NotFound', `no instance ${id}`);
    return instance;
  }

  function running(id: string): MemoryInstance {
    const instance = get(id);
    if (instance.state !== 'Running')
      throw new DriverError('NotRunning', `${instance.spec.name} does not run`);
    return instance;
  }

  function portsTaken(instance: MemoryInstance): number[] {
    const others = [...engine.instances.values()].filter(i => i !== instance && i.state === 'Running');
    const taken = new Set([
      ...engine.takenPorts,
      ...others.flatMap(({ spec }) => spec.publish.map(({ hostPort }) => hostPort)),
    ]);
    return instance.spec.publish.map(({ hostPort }) => hostPort).filter(port => taken.has(port));
  }

  return {
    name: 'memory',
    engine,

    async info(signal) {
      await call('info', signal);
      return {
        version: 'Memory 1',
        capacity,
        isolation: { enforced: true, message: 'nothing runs' },
        directNetwork: true,
        images: [...engine.images.keys()],
      };
    },

    async list(signal) {
      await call('list', signal);
      return {
        instances: [...engine.instances.values()]
          .filter(({ spec }) => spec.labels[LABEL_NODE] === node)
          .map(instance => toInstance(engine, instance)),
        volumes: [...engine.volumes.values()]
          .filter(({ labels }) => labels[LABEL_NODE] === node)
          .map(({ name, labels }) => ({ name, labels: { ...labels } })),
      };
    },

    async *watch(signal) {
      if (signal.aborted) return;
      await call('watch');
      const { events, stop } = engine.subscribe();
      const onAbort = () => events.close();
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) events.close();
      try {
        events.push({ type: 'changed' });
        yield* events;
      } finally {
        signal.removeEventListener('abort', onAbort);
        stop();
      }
    },

    async ensureImage(reference, { pull = true, login, onProgress, signal } = {}) {
      await call('ensureImage', signal);
      const present = engine.images.get(reference);
      if (present) return { id: present };
      if (!pull) return undefined;
      onProgress?.({ phase: 'pulling', percent: 0, message: `pulling ${reference}` });
      await call('pull', signal);
      if (engine.missingImages.has(reference))
        throw new DriverError('ImageNotFound', `no registry has the image ${reference}`);
      const password = engine.privateImages.get(reference);
      if (password !== undefined && login?.password !== password)
        throw new DriverError('ImageDenied', `pull ${reference}: unauthorized`);
      if (engine.unsupportedImages.has(reference))
        throw new DriverError('ImageUnsupported', `${reference} has no package manager`);
      const id = `sha256:${createHash('sha256').update(reference).digest('hex')}`;
      engine.images.set(reference, id);
      onProgress?.({ phase: 'pulling', percent: 100, message: `pulled ${reference}` });
      return { id };
    },

    async create(spec) {
      await call('create');
      const there = engine.find(spec.name);
      const isForeign = (labels: Record<string, string> | undefined) => labels && labels[LABEL_NODE] !== node;
      if (isForeign(there?.spec.labels)) throw notOurs('instance', spec.name, there?.spec.labels[LABEL_NODE]);
      const volume = engine.volumes.get(spec.volume.name);
      if (isForeign(volume?.labels)) throw notOurs('volume', spec.volume.name, volume?.labels[LABEL_NODE]);
      if (there && there.spec.labels[LABEL_SPEC_HASH] !== spec.labels[LABEL_SPEC_HASH])
        throw new DriverError('Invalid', `${spec.name} is there with another specification`);
      return { id: (there ?? engine.add(spec)).id };
    },

    async start(id) {
      await call('start');
      const instance = get(id);
      if (instance.state === 'Running') return { inputTaken: false };
      const ports = portsTaken(instance);
      if (ports.length > 0)
        throw new DriverError('PortInUse', `port ${ports.join(', ')} is taken`, { ports });
      engine.boot(instance, clock.now());
      return { inputTaken: false };
    },

    async stop(id) {
      await call('stop');
      const instance = get(id);
      if (instance.state === 'Running') engine.halt(instance, 143);
    },

    async remove(id) {
      await call('remove');
      engine.lose(id);
    },

    async update(id, limits) {
      await call('update');
      const instance = get(id);
      instance.limits = { ...limits };
      engine.emit(instance, 'changed');
    },

    async setAutoStart(id, autoStart) {
      await call('setAutoStart');
      const instance = get(id);
      instance.autoStart = autoStart;
      engine.emit(instance, 'changed');
    },

    async removeVolume(name) {
      await call('removeVolume');
      if ([...engine.instances.values()].some(({ spec }) => spec.volume.name === name))
        throw new DriverError('InUse', `an instance uses the volume ${name}`);
      engine.loseVolume(name);
    },

    async exec(id, command, execOptions = {}) {
      await call('exec', execOptions.signal);
      return startProcess(engine, exec, running(id), { command, options: execOptions });
    },

    async putFiles(id, files) {
      await call('putFiles');
      engine.writeFiles(running(id), files);
    },

    async close() {},
  };
}

function toInstance(engine: MemoryEngine, instance: MemoryInstance): Instance {
  const { spec, state, startedAt } = instance;
  return {
    id: instance.id,
    name: spec.name,
    state,
    labels: { ...spec.labels },
    imageId: spec.imageId,
    limits: { ...instance.limits },
    autoStart: instance.autoStart,
    ...(state === 'Running' && { address: instance.address }),
    publish: structuredClone(spec.publish),
    mounts: engine.volumes.has(spec.volume.name) ? { [spec.volume.mountPath]: spec.volume.name } : {},
    ...(startedAt !== undefined && { startedAt: timestamp(startedAt) }),
    ...(state === 'Stopped' && { exitCode: instance.exitCode }),
  };
}
