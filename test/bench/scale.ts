import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../controller/client/client.ts';
import { connect } from '../../controller/client/connect.ts';
import { ensureNode } from '../../controller/reconcilers/node/ensure-node.ts';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { cpuMs, rssMiB } from './process-figures.ts';
import { report } from './report.ts';

const NODES = 50;
const WRITERS = 16;
const IDLE_MS = 30_000;
const READY_MS = 60_000;
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const AGENTS = fileURLToPath(new URL('./scale-agents.ts', import.meta.url));

interface Round {
  workspaces: number;
  convergeMs: number;
  writesEach: number;
  memoryMiB: number;
  agentsMemoryMiB: number;
  cpuMsEach: number;
  idleShare: number;
  idleWritesASecond: number;
}

/** `scale [WORKSPACES …]`: converge over 50 in-memory nodes; server and agents in processes of their own. */
export async function run(args: string[]): Promise<void> {
  const sizes = args.length > 0 ? args.map(Number) : [500, 2000];
  const rounds: Round[] = [];
  for (const size of sizes) rounds.push(await measure(size));
  for (const round of rounds) console.log(JSON.stringify(round));
  const [small, large] = [rounds[0] as Round, rounds.at(-1) as Round];
  report(
    'scale',
    [
      { name: 'converge, ms a workspace', values: rounds.map(r => r.convergeMs / r.workspaces) },
      { name: 'writes a workspace', values: rounds.map(r => r.writesEach), unit: '' },
      { name: 'server memory', values: rounds.map(r => r.memoryMiB), unit: 'MiB' },
    ],
    [
      { what: 'idle share of a core', value: large.idleShare, bound: '<=', target: 0.01 },
      {
        what: 'cost growth a workspace',
        value: large.cpuMsEach / small.cpuMsEach,
        bound: '<=',
        target: 1.25,
      },
    ],
    { rounds },
  );
}

async function measure(workspaces: number): Promise<Round> {
  const home = mkdtempSync(join(tmpdir(), 'nexus-scale-'));
  const [port] = await freePorts(1);
  const env = { ...process.env, NEXUS_HOME: home, HOME: home };
  const start = async (module: string, words: string[]): Promise<ChildProcess> => {
    const child = fork(module, words, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(READY_MS) }),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${module} exited with ${code}`))),
    ]);
    return child;
  };
  const server = await start(MAIN, [
    'controller',
    `--listen=127.0.0.1:${port}`,
    '--gateway-listen=off',
    '--log-level=warn',
  ]);
  const file = join(home, 'kubeconfig');
  const { client } = await connect({ file });
  await Promise.all(Array.from({ length: NODES }, (_, i) => ensureNode(client, { name: `scale-${i}` })));
  const agents = await start(AGENTS, [file, String(NODES)]);
  try {
    await until(
      async () =>
        (await client.list(NODE)).items.filter(n =>
          n.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'),
        ).length === NODES,
      { timeoutMs: 60_000, what: () => `${NODES} nodes to be ready` },
    );
    const before = { writes: await writes(client), cpu: cpuMs(server) + cpuMs(agents) };
    const began = performance.now();
    await createAll(client, workspaces);
    await until(async () => (await running(client)) === workspaces, {
      timeoutMs: 600_000,
      everyMs: 250,
      what: () => `${workspaces} workspaces to run`,
    });
    const convergeMs = performance.now() - began;
    const cpuMsEach = (cpuMs(server) + cpuMs(agents) - before.cpu) / workspaces;
    const writesEach = ((await writes(client)) - before.writes) / workspaces;
    const memoryMiB = rssMiB(server);
    const agentsMemoryMiB = rssMiB(agents);
    // What was set off settles first; then the server is watched doing nothing.
    await pause(10_000);
    const idle = { cpu: cpuMs(server), writes: await writes(client) };
    await pause(IDLE_MS);
    const idleShare = (cpuMs(server) - idle.cpu) / IDLE_MS;
    const idleWritesASecond = ((await writes(client)) - idle.writes) / (IDLE_MS / 1000);
    return {
      workspaces,
      convergeMs,
      writesEach,
      memoryMiB,
      agentsMemoryMiB,
      cpuMsEach,
      idleShare,
      idleWritesASecond,
    };
  } finally {
    await client.close();
    for (const child of [agents, server]) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(home, { recursive: true, force: true });
  }
}

async function createAll(client: Client, count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      await client.create(WORKSPACE, {
        apiVersion: 'nexus.dev/v1alpha1',
        kind: 'Workspace',
        metadata: { name: `w-${i}`, namespace: 'default' },
        spec: { driver: 'memory', services: [{ name: 'web', command: 'serve', port: 3000 }] },
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

/** As the server's own gauge says: a list would be part of what is measured. */
async function running(client: Client): Promise<number> {
  const { text } = await client.raw('GET', '/metrics');
  return Number(/^nexus_workspaces\{phase="Running"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const WRITES = /^apiserver_request_total\{[^}]*verb="(?:create|update|patch|apply|delete)"[^}]*\} (\d+)/;

async function writes(client: Client): Promise<number> {
  const { text } = await client.raw('GET', '/metrics');
  let total = 0;
  // Leases are told apart: they are what says that somebody still looks.
  for (const line of text.split('\n'))
    if (!line.includes('resource="leases"')) total += Number(WRITES.exec(line)?.[1] ?? 0);
  return total;
}
