import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BenchClient, otherTarget, ownTarget } from '../support/api-bench-target.ts';
import { type Figures, percentile, report } from './report.ts';

const CLIENTS = 32;
const OBJECTS = 5000;
const WARM_UP = 1000;
const WATCH_WRITES_PER_SECOND = 200;
const WATCH_SECONDS = 10;

/**
 * `api [--against KUBECONFIG [--pid PID…]] [--rounds N]`: create, get, list of 5,000, patch of status and delivery of a watch over
 * HTTPS, with 32 clients on a connection each; our own server runs in a process of its own over the durable store.
 * Delivery is counted from before the write is sent until the event has arrived, so it includes the durable write.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      against: { type: 'string' },
      pid: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      'node-option': { type: 'string', multiple: true },
    },
  });
  const target = values.against
    ? await otherTarget(values.against, (values.pid ?? []).map(Number))
    : await ownTarget(values['node-option']);
  const clients = Array.from({ length: CLIENTS }, () => new BenchClient(target));
  try {
    const figures = await measure(clients, Number(values.rounds ?? 3));
    const value = (name: string) => figures.find(one => one.name === name)?.values ?? [];
    report(
      'api',
      figures,
      [
        {
          what: 'durable creates a second',
          value: percentile(value('creates a second'), 0.5),
          bound: '>=',
          target: 2000,
        },
        {
          what: 'watch delivery p99',
          value: percentile(value('watch delivery'), 0.99),
          bound: '<=',
          target: 20,
        },
      ],
      { clients: CLIENTS, objects: OBJECTS, against: values.against ?? 'own' },
    );
  } finally {
    for (const client of clients) client.close();
    await target.close();
  }
}

async function measure(clients: BenchClient[], rounds: number): Promise<Figures[]> {
  const namespace = `bench-${process.pid}`;
  const [first] = clients as [BenchClient];
  const path = `/apis/nexus.dev/v1alpha1/namespaces/${namespace}/workspaces`;
  await first.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  try {
    await each(clients, WARM_UP, (client, i) => client.call('POST', path, workspace(`warm-${i}`)));
    await clear(clients, path, WARM_UP, 'warm-');
    const figures = new Map<string, Figures>();
    const add = (name: string, values: number[], unit = 'ms') => {
      const known = figures.get(name);
      if (known) known.values.push(...values);
      else figures.set(name, { name, values, unit });
    };
    for (let round = 0; round < rounds; round++) {
      const cpu = { server: first.target.cpuMs?.() ?? 0, clients: process.cpuUsage() };
      const created = await each(clients, OBJECTS, (client, i) =>
        client.call('POST', path, workspace(`w-${i}`)),
      );
      const { user, system } = process.cpuUsage(cpu.clients);
      add('processor time of clients a create', [(user + system) / 1000 / OBJECTS]);
      if (first.target.cpuMs)
        add('processor time of the server a create', [(first.target.cpuMs() - cpu.server) / OBJECTS]);
      add('create', created.times);
      add('creates a second', [created.rate], '1/s');
      const got = await each(clients, OBJECTS, (client, i) => client.call('GET', `${path}/w-${i}`));
      add('get', got.times);
      add('gets a second', [got.rate], '1/s');
      const lists = await each([first], 10, client => client.call('GET', path));
      add(`list of ${OBJECTS}`, lists.times);
      const patched = await each(clients, OBJECTS, (client, i) =>
        client.call('PATCH', `${path}/w-${i}/status`, status(i), 'application/merge-patch+json'),
      );
      add('patch status', patched.times);
      add('patches a second', [patched.rate], '1/s');
      add('watch delivery', await deliver(clients, path));
      if (first.target.rssMiB) add('resident memory of the server', [first.target.rssMiB()], 'MiB');
      await clear(clients, path, OBJECTS, 'w-');
    }
    return [...figures.values()];
  } finally {
    await first.call('DELETE', `/api/v1/namespaces/${namespace}`);
  }
}

/** Milliseconds from sending a write to its event, at a steady pace of writes. */
async function deliver(clients: BenchClient[], path: string): Promise<number[]> {
  const [first] = clients as [BenchClient];
  const { metadata } = JSON.parse(await first.call('GET', `${path}?limit=1`)) as {
    metadata: { resourceVersion: string };
  };
  const watcher = new BenchClient(first.target);
  const sent = new Map<string, number>();
  const times: number[] = [];
  const stream = await watcher.open('GET', `${path}?watch=true&resourceVersion=${metadata.resourceVersion}`);
  const lines = createInterface(stream);
  const total = WATCH_WRITES_PER_SECOND * WATCH_SECONDS;
  const all = new Promise<void>(resolve => {
    lines.on('line', line => {
      const arrived = performance.now();
      const { message } =
        (JSON.parse(line) as { object: { status?: { message?: string } } }).object.status ?? {};
      const at = message === undefined ? undefined : sent.get(message);
      if (at !== undefined) times.push(arrived - at);
      if (times.length === total) resolve();
    });
  });
  const start = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < total; i++) {
    const wait = start + (i * 1000) / WATCH_WRITES_PER_SECOND - performance.now();
    if (wait > 0) await sleep(wait);
    const message = `watch-${i}`;
    sent.set(message, performance.now());
    writes.push(
      clients[i % CLIENTS]!.call(
        'PATCH',
        `${path}/w-${i % OBJECTS}/status`,
        { status: { message } },
        'application/merge-patch+json',
      ),
    );
  }
  await Promise.all(writes);
  await all;
  const closed = once(stream, 'close');
  stream.destroy();
  await closed;
  watcher.close();
  return times;
}

async function clear(clients: BenchClient[], path: string, count: number, prefix: string): Promise<void> {
  await each(clients, count, (client, i) => client.call('DELETE', `${path}/${prefix}${i}`));
}

/** Runs `work` `count` times, every client one at a time. Milliseconds of each, and how many a second. */
async function each(
  clients: BenchClient[],
  count: number,
  work: (client: BenchClient, i: number) => Promise<unknown>,
): Promise<{ times: number[]; rate: number }> {
  let next = 0;
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    clients.map(async client => {
      while (next < count) {
        const i = next++;
        const began = performance.now();
        await work(client, i);
        times.push(performance.now() - began);
      }
    }),
  );
  return { times, rate: (count / (performance.now() - start)) * 1000 };
}

/** What a person would apply: two services, one depending on the other. */
function workspace(name: string): object {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name, labels: { 'app.kubernetes.io/part-of': 'bench' } },
    spec: {
      repo: { url: 'https://github.com/acme/shop.git', ref: 'main' },
      resources: { cpu: '2', memory: '4Gi' },
      services: [
        {
          name: 'db',
          command: 'postgres -D /data',
          port: 5432,
          healthCheck: { exec: { command: ['pg_isready'] } },
        },
        {
          name: 'web',
          command: 'npm run dev',
          port: 3000,
          dependsOn: ['db'],
          healthCheck: { http: { path: '/' } },
        },
      ],
    },
  };
}

const status = (i: number) => ({
  status: { phase: 'Running', nodeName: `node-${i % 10}`, message: `Everything is as declared (${i}).` },
});
