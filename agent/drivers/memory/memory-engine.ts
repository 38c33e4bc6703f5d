import { createHash, randomUUID } from 'node:crypto';
import { LABEL_PLACEMENT } from '../../../crds/names.ts';
import {
  DriverError,
  type DriverErrorCode,
  type EngineEvent,
  type GuestFile,
  type InstanceSpec,
  type InstanceState,
  type Limits,
} from '../../driver.ts';
import { EventQueue } from '../event-queue.ts';

export interface MemoryFile {
  content: Buffer;
  mode: number;
  uid: number;
  gid: number;
}

export interface MemoryInstance {
  readonly id: string;
  readonly spec: InstanceSpec;
  state: InstanceState;
  limits: Limits;
  autoStart: boolean;
  /** Differs after each start; empty before the first. */
  bootId: string;
  address: string;
  /** Milliseconds since the epoch. */
  startedAt?: number;
  exitCode?: number;
  /** What is in the instance itself; gone with it. */
  files: Map<string, MemoryFile>;
  /** What is in its memory file systems; gone when it stops. */
  memoryFiles: Map<string, MemoryFile>;
}

export interface MemoryVolume {
  readonly name: string;
  readonly labels: Record<string, string>;
  files: Map<string, MemoryFile>;
}

/** `pull` is counted when ensureImage had to fetch. */
export type MemoryOperation =
  | 'info'
  | 'list'
  | 'watch'
  | 'ensureImage'
  | 'pull'
  | 'create'
  | 'start'
  | 'stop'
  | 'remove'
  | 'update'
  | 'setAutoStart'
  | 'removeVolume'
  | 'exec'
  | 'putFiles';

const CHANGES: MemoryOperation[] = [
  'pull',
  'create',
  'start',
  'stop',
  'remove',
  'update',
  'setAutoStart',
  'removeVolume',
  'putFiles',
];

interface Fault {
  code?: DriverErrorCode;
  ports?: number[];
  delayMs?: number;
  times: number;
}

/**
 * What a real engine keeps: instances, volumes, images. Outlives the drivers that talk to it, so a test restarts an agent
 * by making another driver over the same engine. Everything is public for tests and for the in-memory guest to look at;
 * changes from outside go through the methods, which tell watchers and listeners.
 */
export class MemoryEngine {
  readonly instances = new Map<string, MemoryInstance>();
  readonly volumes = new Map<string, MemoryVolume>();
  /** Reference → content id, of what was pulled. */
  readonly images = new Map<string, string>();
  /** References that no registry has: pulling throws ImageNotFound. */
  readonly missingImages = new Set<string>();
  /** References whose registry asks for this password. */
  readonly privateImages = new Map<string, string>();
  /** References that cannot be given sshd and git: ImageUnsupported. */
  readonly unsupportedImages = new Set<string>();
  /** Host ports that something else on the node holds. */
  readonly takenPorts = new Set<number>();
  /** Calls of every driver on this engine, by operation. */
  readonly calls = new Map<MemoryOperation, number>();
  #faults = new Map<MemoryOperation, Fault[]>();
  #watchers = new Set<EventQueue>();
  #listeners = new Set<(instance: MemoryInstance, event: EngineEvent['type']) => void>();
  #down = false;
  #droppedEvents = 0;
  #addresses = 0;

  /** Calls that changed something or tried to; a settled agent makes none. */
  get changes(): number {
    return CHANGES.reduce((sum, operation) => sum + (this.calls.get(operation) ?? 0), 0);
  }

  get down(): boolean {
    return this.#down;
  }

  /** The next `times` calls of `operation` throw `code`. */
  fail(
    operation: MemoryOperation,
    code: DriverErrorCode,
    options: { times?: number; ports?: number[] } = {},
  ) {
    this.#fault(operation, { code, ports: options.ports ?? [], times: options.times ?? 1 });
  }

  /** The next `times` calls of `operation` (default: all) take `delayMs` of the driver's clock. */
  delay(operation: MemoryOperation, delayMs: number, times = Number.POSITIVE_INFINITY): void {
    this.#fault(operation, { delayMs, times });
  }

  clearFaults(): void {
    this.#faults.clear();
    this.#droppedEvents = 0;
  }

  /** The next `count` events reach no watcher. Listeners of `onChange` still hear them. */
  dropEvents(count: number): void {
    this.#droppedEvents = count;
  }

  /** The engine stops answering and watches end with EngineUnavailable; instances go on. */
  goDown(): void {
    this.#down = true;
    for (const watcher of this.#watchers) watcher.fail(unavailable());
    this.#watchers.clear();
  }

  comeUp(): void {
    this.#down = false;
  }

  /** As `docker rm -f` by hand. */
  lose(idOrName: string): void {
    const instance = this.find(idOrName);
    if (!instance) return;
    if (instance.state === 'Running') this.halt(instance, 137);
    this.instances.delete(instance.id);
    this.emit(instance, 'removed');
  }

  /** The instance ends by itself or by `docker stop`; with `restart` the engine brings it up again. */
  kill(idOrName: string, options: { exitCode?: number; restart?: boolean; now?: number } = {}): void {
    const instance = this.find(idOrName);
    if (instance?.state !== 'Running') return;
    this.halt(instance, options.exitCode ?? 137);
    if (options.restart) this.boot(instance, options.now ?? instance.startedAt ?? 0);
  }

  /** As the machine: everything ends, and what the engine starts by itself runs again. */
  reboot(now: number): void {
    for (const instance of this.instances.values()) {
      if (instance.state !== 'Running') continue;
      this.halt(instance, 137);
      if (instance.autoStart) this.boot(instance, now);
    }
  }

  /** As `docker volume rm -f` by hand. */
  loseVolume(name: string): void {
    const volume = this.volumes.get(name);
    if (!volume) return;
    this.volumes.delete(name);
    this.#tell({ type: 'volume-removed', placement: volume.labels[LABEL_PLACEMENT] });
  }

  /** Called synchronously after each change of an instance: for an in-memory guest to boot and halt with it. */
  onChange(listener: (instance: MemoryInstance, event: EngineEvent['type']) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  find(idOrName: string): MemoryInstance | undefined {
    return (
      this.instances.get(idOrName) ?? [...this.instances.values()].find(({ spec }) => spec.name === idOrName)
    );
  }

  /** Where a file of an instance is kept: in a memory file system, on the volume, or in the instance. */
  filesAt(instance: MemoryInstance, path: string): Map<string, MemoryFile> {
    if (Object.keys(instance.spec.tmpfs).some(dir => isUnder(path, dir))) return instance.memoryFiles;
    const { name, mountPath } = instance.spec.volume;
    return (isUnder(path, mountPath) && this.volumes.get(name)?.files) || instance.files;
  }

  readFile(instance: MemoryInstance, path: string): MemoryFile | undefined {
    return this.filesAt(instance, path).get(path);
  }

  writeFiles(instance: MemoryInstance, files: GuestFile[]): void {
    for (const { path, content, mode, uid = 0, gid = 0 } of files) {
      this.filesAt(instance, path).set(path, { content: Buffer.from(content), mode, uid, gid });
    }
  }

  add(spec: InstanceSpec): MemoryInstance {
    const { name, labels } = spec.volume;
    if (!this.volumes.has(name)) this.volumes.set(name, { name, labels, files: new Map() });
    const n = ++this.#addresses;
    const instance: MemoryInstance = {
      id: createHash('sha256').update(randomUUID()).digest('hex'),
      spec: structuredClone({ ...spec, files: [] }),
      state: 'Created',
      limits: { ...spec.limits },
      autoStart: spec.autoStart,
      bootId: '',
      address: `10.99.${(n >> 8) & 255}.${n & 255}`,
      files: new Map(),
      memoryFiles: new Map(),
    };
    this.instances.set(instance.id, instance);
    this.writeFiles(instance, spec.files);
    this.emit(instance, 'changed');
    return instance;
  }

  boot(instance: MemoryInstance, now: number): void {
    instance.state = 'Running';
    instance.bootId = randomUUID();
    instance.startedAt = now;
    instance.exitCode = undefined;
    this.emit(instance, 'started');
  }

  halt(instance: MemoryInstance, exitCode: number): void {
    instance.state = 'Stopped';
    instance.exitCode = exitCode;
    instance.memoryFiles.clear();
    this.emit(instance, 'died');
  }

  emit(instance: MemoryInstance, type: EngineEvent['type']): void {
    for (const listener of this.#listeners) listener(instance, type);
    this.#tell({ type, placement: instance.spec.labels[LABEL_PLACEMENT] });
  }

  subscribe(): { events: EventQueue; stop: () => void } {
    const events = new EventQueue();
    this.#watchers.add(events);
    return { events, stop: () => this.#watchers.delete(events) };
  }

  /** Counts a call and takes one fault of each kind that is set for it. */
  count(operation: MemoryOperation): { delayMs: number; error?: DriverError } {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const faults = (this.#faults.get(operation) ?? []).filter(({ times }) => times > 0);
    const slow = faults.find(({ delayMs }) => delayMs !== undefined);
    const broken = faults.find(({ code }) => code !== undefined);
    if (slow) slow.times -= 1;
    if (broken) broken.times -= 1;
    const error =
      broken?.code && new DriverError(broken.code, `injected fault of ${operation}`, { ports: broken.ports });
    return { delayMs: slow?.delayMs ?? 0, error: this.#down ? unavailable() : error };
  }

  #fault(operation: MemoryOperation, fault: Fault): void {
    this.#faults.set(operation, [...(this.#faults.get(operation) ?? []), fault]);
  }

  #tell(event: EngineEvent): void {
    if (this.#droppedEvents > 0) {
      this.#droppedEvents -= 1;
      return;
    }
    for (const watcher of this.#watchers) watcher.push(event);
  }
}

function isUnder(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
}

function unavailable(): DriverError {
  return new DriverError('EngineUnavailable', 'the in-memory engine is down');
}
