import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createMemoryStore } from '../../controller/store/memory.ts';
import { openSqliteStore } from '../../controller/store/sqlite.ts';
import type { Store } from '../../controller/store/store.ts';
import { keyOf, type Sample, sample } from '../support/store-objects.ts';
import { percentile } from './report.ts';

const PREFIX = '/nexus.dev/workspaces/';

/** About 1 KiB of JSON, as a small workspace is. */
function workspace(name: string, generation: number): Sample {
  const services = Array.from({ length: 6 }, (_, i) => ({
    name: `s${i}`,
    command: 'x'.repeat(100),
    port: 3000 + i,
  }));
  return sample(name, { generation, services });
}

/** Runs `work` for 0 to `count` - 1, at most `clients` at once. Returns how many a second. */
async function rate(
  count: number,
  clients: number,
  work: (i: number, client: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  const client = async (number: number) => {
    while (next < count) await work(next++, number);
  };
  await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  return Math.round((count / (performance.now() - start)) * 1000);
}

async function milliseconds(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function measure(store: Store, folder: string, count: number): Promise<Record<string, number>> {
  const name = (i: number) => keyOf(`w${i}`, `ns${i % 50}`);
  const createsPerSecond = await rate(count, 64, i => store.create(name(i), workspace(`w${i}`, 1)));
  const single = [];
  for (let i = 0; i < 200; i++)
    single.push(await milliseconds(() => store.create(keyOf(`one${i}`), workspace('one', 1))));
  const list = [];
  for (let i = 0; i < 50; i++) list.push(await milliseconds(() => store.list(PREFIX, { limit: 5_000 })));
  const updatesPerSecond = await rate(count, 64, (i, client) => {
    const entry = store.get(name(client + 64 * (i % 10)));
    return entry
      ? store.update(entry.key, workspace('w', i), entry.revision).catch(() => {})
      : Promise.resolve();
  });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const file = join(folder, 'backup.db');
  const backupMs = await milliseconds(() => store.backup(file));
  const watchers = Array.from({ length: 1_000 }, (_, i) => store.watch(`${PREFIX}ns${i}/`, store.revision));
  const watchedUpdatesPerSecond = await rate(2_000, 64, i => {
    const entry = store.get(name(i));
    return entry ? store.update(entry.key, workspace('w', -1), entry.revision) : Promise.resolve();
  });
  for (const watcher of watchers) watcher.close();
  const restoreMs = await milliseconds(() => store.restore(file));
  delay.disable();
  return {
    createsPerSecond,
    singleCreateP50Ms: percentile(single, 0.5),
    singleCreateP99Ms: percentile(single, 0.99),
    updatesPerSecond,
    updatesPerSecondWith1000Watches: watchedUpdatesPerSecond,
    list5000Ms: percentile(list, 0.5),
    backupMs,
    restoreMs,
    longestStallMs: delay.max / 1e6,
    residentMiB: process.memoryUsage.rss() / 1024 / 1024,
  };
}

/** `--count N`: objects to create, 20,000 by default. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { count: { type: 'string', default: '20000' } } });
  const count = Number(values.count);
  const folder = mkdtempSync(join(tmpdir(), 'nexus-bench-'));
  const results: Record<string, Record<string, number>> = {};
  try {
    const file = join(folder, 'nexus.db');
    const sqlite = await openSqliteStore({ file });
    results.sqlite = await measure(sqlite, folder, count);
    await sqlite.close();
    let reopened: Store | undefined;
    results.sqlite.reopenMs = await milliseconds(async () => {
      reopened = await openSqliteStore({ file });
    });
    await reopened?.close();
    const memory = createMemoryStore();
    results.memory = await measure(memory, folder, count);
    await memory.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
  const rounded = Object.fromEntries(
    Object.entries(results).map(([store, values]) => [
      store,
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, Math.round(value * 100) / 100]),
      ),
    ]),
  );
  console.table(rounded);
  console.log(JSON.stringify({ bench: 'store', count, ...rounded }));
}
