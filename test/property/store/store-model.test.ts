import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import type { StoreOptions } from '../../../controller/store/options.ts';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import type { Entry, Store, StoreError, StoreEvent, Watch } from '../../../controller/store/store.ts';
import { sample } from '../../support/store-objects.ts';
import { compare, describe, describeEvent, Model } from './model.ts';

const folder = mkdtempSync(join(tmpdir(), 'nexus-store-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const OPTIONS: StoreOptions = { historyEvents: 40, compactEvery: 5 };
const KEYS = ['/a/x/1', '/a/x/2', '/a/xy/1', '/a/y/1', '/b/x/1', '/b/x/\u{1f600}'];
const PREFIXES = ['', '/a/', '/a/x', '/a/x/', '/b/x/1', '/c/'];

type Step =
  | { kind: 'writes'; writes: { key: string; verb: 'create' | 'update' | 'delete'; isStale: boolean }[] }
  | { kind: 'list'; prefix: string; back: number; after: string | undefined; limit: number | undefined }
  | { kind: 'watch'; prefix: string; back: number }
  | { kind: 'compact'; back: number }
  | { kind: 'backup' }
  | { kind: 'restore' }
  | { kind: 'reopen' }
  /** A crash during writes; above 0.5, `cut` tells where what they added to the write-ahead log is torn off. */
  | { kind: 'crash'; keys: string[]; cut: number; turns: number };

const key = fc.constantFrom(...KEYS);
const back = fc.nat(15);
const write = fc.record({
  key,
  verb: fc.constantFrom('create', 'update', 'update', 'delete'),
  isStale: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
} as const);
const writes = fc.record({
  kind: fc.constant('writes'),
  writes: fc.array(write, { minLength: 1, maxLength: 12 }),
} as const);
const steps: fc.Arbitrary<Step>[] = [
  writes,
  writes,
  fc.record({
    kind: fc.constant('list'),
    prefix: fc.constantFrom(...PREFIXES),
    back,
    after: fc.option(key, { nil: undefined }),
    limit: fc.option(fc.nat(4), { nil: undefined }),
  } as const),
  fc.record({ kind: fc.constant('watch'), prefix: fc.constantFrom(...PREFIXES), back } as const),
  fc.record({ kind: fc.constant('compact'), back } as const),
];
const rareSteps: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('backup') } as const),
  fc.record({ kind: fc.constant('restore') } as const),
];
const diskSteps: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('reopen') } as const),
  fc.record({
    kind: fc.constant('crash'),
    keys: fc.array(key, { maxLength: 12 }),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    turns: fc.nat(4),
  } as const),
];

/** A store, what it should be, and everything that watches it. */
class Run {
  store: Store;
  model = new Model();
  /** Each with what it is to see; checked at the end of its life. */
  watches: { watch: Watch; prefix: string; from: number; seen: string[]; reading: Promise<void> }[] = [];
  backup: string | undefined;
  backupState: Map<string, { value: unknown }> = new Map();
  file: string;
  #values = 0;
  #files = 0;
  readonly #dir = join(folder, `${runs++}`);

  private constructor(store: Store, file: string) {
    this.store = store;
    this.file = file;
    mkdirSync(this.#dir);
  }

  static async start(isDisk: boolean): Promise<Run> {
    const file = join(folder, `${runs}-first.db`);
    return new Run(isDisk ? await openSqliteStore({ file, ...OPTIONS }) : createMemoryStore(OPTIONS), file);
  }

  async step(step: Step): Promise<void> {
    const { store, model } = this;
    switch (step.kind) {
      case 'writes':
        await this.#settle(step.writes.map(w => this.#write(w)));
        return compare(store, model);
      case 'list': {
        const revision = Math.max(0, store.revision - step.back);
        const options = {
          revision,
          ...(step.after !== undefined && { after: step.after }),
          ...(step.limit !== undefined && { limit: step.limit }),
        };
        if (revision < store.compactRevision)
          return expectCode('Compacted', () => store.list(step.prefix, options));
        return equal(describe(store.list(step.prefix, options)), model.list(step.prefix, options));
      }
      case 'watch': {
        const from = Math.max(0, store.revision - step.back);
        if (from < store.compactRevision)
          return expectCode('Compacted', () => store.watch(step.prefix, from));
        return this.#watch(step.prefix, from);
      }
      case 'compact': {
        const to = Math.max(0, store.revision - step.back);
        await store.compact(to);
        if (store.compactRevision < to) throw new Error(`not compacted to ${to}`);
        return compare(store, model);
      }
      case 'backup':
        this.backup = join(this.#dir, `backup-${this.#files++}.db`);
        await store.backup(this.backup);
        this.backupState = model.at(model.revision);
        return;
      case 'restore':
        return this.#restore();
      case 'reopen':
        await this.#end();
        this.store = await openSqliteStore({ file: this.file, ...OPTIONS });
        return compare(this.store, model);
      case 'crash':
        return this.#crash(step);
    }
  }

  async end(): Promise<void> {
    compare(this.store, this.model);
    await this.#end();
  }

  /** Makes one write and says what the model's next change is to be if it is accepted. */
  #write({
    key,
    verb,
    isStale,
  }: {
    key: string;
    verb: 'create' | 'update' | 'delete';
    isStale: boolean;
  }): Promise<Accepted> {
    const value = `v${this.#values++}`;
    const expected = (this.store.get(key)?.revision ?? 1) + Number(isStale);
    const done = (entry: Entry): Accepted => ({ key, value: verb === 'delete' ? undefined : value, entry });
    if (verb === 'create') return this.store.create(key, sample('n', value)).then(done);
    if (verb === 'update') return this.store.update(key, sample('n', value), expected).then(done);
    return this.store.delete(key, expected).then(done);
  }

  /** Every write is either in the model with the next revision, or refused for a reason that holds. */
  async #settle(all: Promise<Accepted>[]): Promise<void> {
    const results = await Promise.allSettled(all);
    for (const result of results) {
      if (result.status === 'rejected') {
        const { code } = result.reason as StoreError;
        if (!['Exists', 'NotFound', 'Conflict'].includes(code)) throw result.reason;
        continue;
      }
      const { key, value, entry } = result.value;
      equal(entry.revision, this.model.revision + 1);
      const was = this.model.at(this.model.revision).has(key);
      equal(was, value === undefined || entry.createRevision !== entry.revision);
      this.model.changes.push({ key, value, revision: entry.revision });
    }
  }

  #watch(prefix: string, from: number): void {
    const watch = this.store.watch(prefix, from);
    const seen: string[] = [];
    const read = async () => {
      for await (const batch of watch) seen.push(...batch.map(describeEvent));
    };
    this.watches.push({ watch, prefix, from, seen, reading: read() });
  }

  async #restore(): Promise<void> {
    if (!this.backup) return;
    const { revision } = this.store;
    const watch = this.store.watch('', revision);
    await this.store.restore(this.backup);
    const iterator = watch[Symbol.asyncIterator]();
    while (watch.revision < this.store.revision) {
      for (const event of ((await iterator.next()).value ?? []) as StoreEvent[]) this.model.apply(event);
    }
    watch.close();
    const now = [...this.model.at(this.model.revision)].map(([k, e]) => `${k}=${e.value}`);
    equal(
      now,
      [...this.backupState].map(([k, e]) => `${k}=${e.value}`),
    );
    compare(this.store, this.model);
  }

  /** Copies the files while writes are under way, then goes on with the copy as if the power had failed. */
  async #crash({ keys, cut, turns }: Extract<Step, { kind: 'crash' }>): Promise<void> {
    const synced = statSync(`${this.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    const acknowledged = new Set<number>();
    const pending = keys.map(async key => {
      const accepted = await this.#write({
        key,
        verb: this.store.get(key) ? 'update' : 'create',
        isStale: false,
      });
      acknowledged.add(accepted.entry.revision);
      return accepted;
    });
    for (const write of pending) write.catch(() => {});
    for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve));
    const isTorn = cut > 0.5;
    const mustBeThere = isTorn ? this.model.revision : Math.max(this.model.revision, ...acknowledged);
    const copy = join(this.#dir, `crash-${this.#files++}.db`);
    copyFileSync(this.file, copy);
    if (existsSync(`${this.file}-wal`)) {
      copyFileSync(`${this.file}-wal`, `${copy}-wal`);
      const added = statSync(`${copy}-wal`).size - synced;
      if (isTorn) truncateSync(`${copy}-wal`, synced + Math.round(added * (cut - 0.5) * 2));
    }
    await this.#settle(pending);
    await this.#end();
    this.file = copy;
    this.store = await openSqliteStore({ file: copy, ...OPTIONS });
    const { revision } = this.store;
    if (revision < mustBeThere)
      throw new Error(`revision ${mustBeThere} was acknowledged, but only ${revision} is there`);
    this.model.changes = this.model.changes.filter(c => c.revision <= revision);
    compare(this.store, this.model);
  }

  async #end(): Promise<void> {
    const { store } = this;
    for (const { watch } of this.watches) {
      while (watch.revision < store.revision) await new Promise(resolve => setImmediate(resolve));
    }
    await store.close();
    for (const { prefix, from, seen, reading } of this.watches) {
      await reading;
      equal(seen, this.model.events(from, prefix));
    }
    this.watches = [];
  }
}

interface Accepted {
  key: string;
  value: string | undefined;
  entry: Entry;
}

let runs = 0;

function equal(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(actual)} should be ${JSON.stringify(expected)}`);
  }
}

function expectCode(code: string, call: () => unknown): void {
  try {
    call();
  } catch (error) {
    equal((error as StoreError).code, code);
    return;
  }
  throw new Error(`should have failed with ${code}`);
}

async function check(isDisk: boolean, numRuns: number): Promise<void> {
  const all = fc.oneof(
    { weight: 12, arbitrary: fc.oneof(...steps) },
    { weight: 1, arbitrary: fc.oneof(...rareSteps) },
    { weight: isDisk ? 2 : 0, arbitrary: fc.oneof(...diskSteps) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(all, { minLength: 5, maxLength: 40 }), async script => {
      const run = await Run.start(isDisk);
      try {
        for (const step of script) await run.step(step);
      } finally {
        await run.end().catch(async error => {
          await run.store.close();
          throw error;
        });
      }
    }),
    { numRuns, endOnFailure: true },
  );
}

t.test('in memory, any order of operations gives what the model gives', () => check(false, 40));

t.test('over SQLite the same holds, with a close or a crash and a new start anywhere', () => check(true, 25));
