import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { sha256 } from '../../controller/kit/hash.ts';
import type { MemoryEngine, MemoryFile, MemoryInstance } from '../drivers/memory/memory-engine.ts';
import {
  CLONE_EXIT,
  type CloneRequest,
  type GuestJob,
  type GuestJobState,
  type GuestState,
} from './guest.ts';
import type { MemoryEnd, MemoryOutcomes } from './memory-outcomes.ts';
import { MemoryService } from './memory-service.ts';
import { MANAGED_PATHS } from './program.ts';

interface MemoryRepository {
  url: string;
  commit: string;
  branch: string;
  dirty: boolean;
}

const digests = new WeakMap<MemoryFile, string>();

/** What runs in an in-memory instance from one start to the next. */
export class MemoryInside {
  readonly bootId: string;
  readonly services = new Map<string, MemoryService>();
  readonly jobs: Partial<Record<GuestJob, GuestJobState>> = {};
  configured = false;
  homeLost = false;
  sshd = { running: false, restarts: 0 };
  supervisor = { running: true, restarts: 0 };
  version: string;
  #engine: MemoryEngine;
  #instance: MemoryInstance;
  #clock: Clock;
  #listeners = new Set<() => void>();
  #cancelJobs = new Map<GuestJob, () => void>();
  #ended = false;
  #cancelFence: (() => void) | undefined;

  constructor(
    instance: MemoryInstance,
    { engine, clock, version }: { engine: MemoryEngine; clock: Clock; version: string },
  ) {
    this.bootId = instance.bootId;
    this.version = version;
    this.#engine = engine;
    this.#instance = instance;
    this.#clock = clock;
  }

  get ended(): boolean {
    return this.#ended;
  }

  state(): GuestState {
    const files: Record<string, string> = {};
    for (const path of MANAGED_PATHS) {
      const file = this.#engine.readFile(this.#instance, path);
      if (file) files[path] = digestOf(file);
    }
    const repository = this.repository;
    return {
      bootId: this.bootId,
      version: this.version,
      configured: this.configured,
      fenced: this.#cancelFence !== undefined,
      homeLost: this.homeLost,
      sshd: { ...this.sshd },
      supervisor: { ...this.supervisor },
      files,
      services: [...this.services.values()].map(service => service.state),
      jobs: structuredClone(this.jobs),
      ...(repository && { repository }),
    };
  }

  /** Called after each change and at the end. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The instance ends by itself once this was not said again for so long. */
  fence(fenceMs: Milliseconds | undefined): void {
    this.#cancelFence?.();
    this.#cancelFence =
      fenceMs === undefined
        ? undefined
        : this.#clock.after(fenceMs, () => this.#engine.kill(this.#instance.id, { exitCode: 0 }));
    this.changed();
  }

  /** The instance stopped. */
  halt(): void {
    this.#ended = true;
    this.#cancelFence?.();
    for (const service of this.services.values()) service.halt();
    for (const cancel of this.#cancelJobs.values()) cancel();
    this.changed();
  }

  service(name: string, outcomes: MemoryOutcomes): MemoryService {
    const there = this.services.get(name);
    if (there) return there;
    const made = new MemoryService(name, {
      clock: this.#clock,
      outcome: (service, command) => outcomes.service(service, command),
      changed: () => this.changed(),
    });
    this.services.set(name, made);
    return made;
  }

  /** Runs a job to the end that it is given; one for another token is ended. */
  job(name: GuestJob, token: string, end: MemoryEnd, done: () => void = () => {}): void {
    this.#cancelJobs.get(name)?.();
    this.jobs[name] = { state: 'Running', token };
    const { afterMs, exitCode = 0, output } = end;
    if (afterMs !== undefined)
      this.#cancelJobs.set(
        name,
        this.#clock.after(afterMs, () => {
          if (exitCode === 0) done();
          this.jobs[name] =
            exitCode === 0
              ? { state: 'Succeeded', exitCode, token }
              : { state: 'Failed', exitCode, token, tail: (output ?? '').slice(-2048) };
          this.changed();
        }),
      );
    this.changed();
  }

  clone(request: CloneRequest, end: MemoryEnd & { commit?: string }): void {
    if (this.repository) {
      this.job('clone', request.token, { afterMs: 0 });
      return;
    }
    const foreign = this.#workspaceHoldsFiles();
    this.job('clone', request.token, foreign ? { afterMs: 0, exitCode: CLONE_EXIT.notEmpty } : end, () => {
      const { url, ref } = request;
      const commit = end.commit ?? sha256(`${url} ${ref ?? ''}`).slice(0, 40);
      this.repository = { url, commit, branch: ref ?? 'main', dirty: false };
    });
  }

  /** Kept on the volume, as the real one. */
  get repository(): MemoryRepository | undefined {
    const file = this.#engine.readFile(this.#instance, this.#gitPath);
    return file && (JSON.parse(file.content.toString()) as MemoryRepository);
  }

  set repository(value: MemoryRepository) {
    this.#engine.writeFiles(this.#instance, [
      { path: this.#gitPath, content: JSON.stringify(value), mode: 0o644, uid: 1000 },
    ]);
    this.changed();
  }

  get #gitPath(): string {
    return `${this.#instance.spec.volume.mountPath}/workspace/.git`;
  }

  #workspaceHoldsFiles(): boolean {
    const folder = `${this.#instance.spec.volume.mountPath}/workspace/`;
    return [...this.#engine.filesAt(this.#instance, folder).keys()].some(path => path.startsWith(folder));
  }
}

function digestOf(file: MemoryFile): string {
  const known = digests.get(file);
  if (known) return known;
  const value = sha256(file.content);
  digests.set(file, value);
  return value;
}
