import { statSync } from 'node:fs';
import type { KubeObject } from '../../crds/object.ts';
import { FanOut } from './fan-out.ts';
import type { Log } from './log.ts';
import type { ResolvedOptions } from './options.ts';
import { planRestore } from './restore.ts';
import { readBackup, writeBackup } from './sqlite/backup.ts';
import type { State } from './state.ts';
import {
  type Entry,
  type ListOptions,
  type ListResult,
  type Store,
  StoreError,
  type StoreEvent,
  type Watch,
} from './store.ts';
import { Watcher } from './watcher.ts';
import { closedError, Writer } from './writer.ts';

/** How often old history is looked for. */
const EXPIRE_EVERY_MS = 30_000;

interface Waiter {
  readonly revision: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A Store over any Log: reads and watches from memory, writes through the log. */
export class LogStore implements Store {
  readonly #state: State;
  readonly #log: Log;
  readonly #file: string | undefined;
  readonly #options: ResolvedOptions;
  readonly #writer: Writer;
  readonly #fanOut = new FanOut();
  #waiters: Waiter[] = [];
  #cancelTimer: () => void = () => {};
  #closing: Promise<void> | undefined;

  /** `file` is the one that the log is in, if any. */
  constructor(state: State, log: Log, options: ResolvedOptions, file?: string) {
    this.#file = file;
    this.#state = state;
    this.#log = log;
    this.#options = options;
    this.#writer = new Writer({ state, log, options, publish: events => this.#publish(events) });
    this.#expireLater();
  }

  get revision(): number {
    return this.#state.revision;
  }

  get compactRevision(): number {
    return this.#state.compactRevision;
  }

  get(key: string): Entry | undefined {
    return this.#state.get(key);
  }

  list(prefix: string, options?: ListOptions): ListResult {
    return this.#state.list(prefix, options);
  }

  count(prefix: string): number {
    return this.#state.count(prefix);
  }

  create(key: string, object: KubeObject): Promise<Entry> {
    return this.#writer.submit({ verb: 'create', key, object });
  }

  update(key: string, object: KubeObject, expected: number): Promise<Entry> {
    return this.#writer.submit({ verb: 'update', key, object, expected });
  }

  delete(key: string, expected: number): Promise<Entry> {
    return this.#writer.submit({ verb: 'delete', key, expected });
  }

  watch(prefix: string, fromRevision: number): Watch {
    if (this.#closing) throw closedError();
    this.#state.checkRevision(fromRevision);
    const watcher = new Watcher(prefix, this.#state.eventsSince(fromRevision, prefix), {
      limit: this.#options.watchBuffer,
      current: () => this.#state.revision,
      onEnd: ended => this.#fanOut.delete(ended),
    });
    this.#fanOut.add(watcher);
    return watcher;
  }

  waitFor(revision: number, signal?: AbortSignal): Promise<void> {
    if (this.#state.revision >= revision) return Promise.resolve();
    if (this.#closing) return Promise.reject(closedError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters = this.#waiters.filter(w => w !== waiter);
        reject(signal?.reason);
      };
      const detach = () => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        revision,
        resolve: () => {
          detach();
          resolve();
        },
        reject: error => {
          detach();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  async compact(revision: number): Promise<void> {
    if (this.#closing) throw closedError();
    if (revision > this.#state.revision) this.#state.checkRevision(revision);
    this.#state.trim(revision);
    await this.#writer.swept(revision);
  }

  async backup(file: string): Promise<{ revision: number; bytes: number }> {
    this.#checkBackupFile(file);
    const { revision, entries } = this.#state.list('');
    return { revision, bytes: await writeBackup(file, revision, entries) };
  }

  async restore(file: string): Promise<{ revision: number; changed: number }> {
    this.#checkBackupFile(file);
    const backup = await readBackup(file);
    return this.#writer.exclusive(async () => {
      const events = await planRestore(this.#state, backup);
      if (events.length > 0) await this.#writer.append(events);
      const changed = new Set(events.map(e => e.entry.key)).size;
      this.#options.log.info({ revision: this.revision, changed }, 'restored a backup');
      return { revision: this.revision, changed };
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Writes first, as they were accepted; then whoever waits or watches; the log last. */
  async #close(): Promise<void> {
    this.#cancelTimer();
    await this.#writer.close();
    for (const { reject } of this.#waiters) reject(closedError());
    this.#waiters = [];
    this.#fanOut.closeAll();
    await this.#log.close();
  }

  /** Our own database is neither written by a backup nor opened a second time. */
  #checkBackupFile(file: string): void {
    if (this.#closing) throw closedError();
    const own = this.#file === undefined ? undefined : statSync(this.#file, { throwIfNoEntry: false });
    const other = statSync(file, { throwIfNoEntry: false });
    if (own && other && own.ino === other.ino && own.dev === other.dev) {
      throw new StoreError('Unavailable', `${file} is the server's own database. Name another file`);
    }
  }

  #publish(events: readonly StoreEvent[]): void {
    this.#state.apply(events, this.#options.clock.now());
    this.#fanOut.publish(events);
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter(w => w.revision <= this.revision);
    if (reached.length > 0) this.#waiters = this.#waiters.filter(w => w.revision > this.revision);
    for (const { resolve } of reached) resolve();
  }

  #expireLater(): void {
    const every = Math.min(EXPIRE_EVERY_MS, this.#options.historyAgeMs);
    this.#cancelTimer = this.#options.clock.after(every, () => {
      this.#state.expire(this.#options.clock.now());
      // Takes up what is due, also after a failure. Failures were logged by the writer.
      const due = this.compactRevision - this.#log.swept >= this.#options.compactEvery;
      if (due) this.#writer.swept(this.compactRevision).catch(() => {});
      this.#expireLater();
    });
  }
}
