import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../controller/client/client.ts';
import { connect } from '../../controller/client/connect.ts';
import { readGatewayFile, writeGatewayFile } from '../../controller/kit/gateway-file.ts';
import { loadSshKey } from '../../controller/kit/ssh-key-file.ts';
import { LEASE, NODE, WORKSPACE } from '../../crds/kinds.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';
import type { FleetStats } from './fleet-agents.ts';
import { cpuMs, rssMiB } from './process-figures.ts';
import { report } from './report.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const AGENTS = fileURLToPath(new URL('./fleet-agents.ts', import.meta.url));
const AGENTS_A_PROCESS = 250;
const WRITERS = 16;
const WATCH_MS = 20_000;
const CHANGES = 20;
const WAIT_MS = 600_000;

/** `fleet [AGENTS] [WORKSPACES]`: agents over real SSH connections, their workspaces, and a restart of the controller. */
export async function run([agentCount = '50', workspaceCount = '500']: string[]): Promise<void> {
  const [agents, workspaces] = [Number(agentCount), Number(workspaceCount)];
  const home = mkdtempSync(join(tmpdir(), 'nexus-fleet-'));
  // Each agent's disk is another's: what they write is not to meet on this one.
  const far = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'nexus-fleet-'));
  const [port, gatewayPort] = await freePorts(2);
  const children = new Set<ChildProcess>();
  const start = (module: string, words: string[]) => {
    const env = { ...process.env, NEXUS_HOME: home, HOME: home };
    const child = fork(module, words, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const startServer = async () => {
    const child = start(MAIN, [
      'controller',
      `--listen=127.0.0.1:${port}`,
      `--gateway-listen=127.0.0.1:${gatewayPort}`,
      '--log-level=error',
    ]);
    await said(child);
    return child;
  };
  let server = await startServer();
  const { client } = await connect({ file: join(home, 'kubeconfig') });
  const say = (what: string) => console.error(`${(performance.now() / 1000).toFixed(1)} s: ${what}`);
  try {
    const homes = await makeNodes(client, { home, far, agents, address: `127.0.0.1:${gatewayPort}` });
    say(`${agents} nodes are known`);
    const begun = performance.now();
    const processes: ChildProcess[] = [];
    for (let i = 0; i < homes.length; i += AGENTS_A_PROCESS)
      processes.push(start(AGENTS, homes.slice(i, i + AGENTS_A_PROCESS)));
    const atWork = Promise.all(processes.map(said));
    await untilReady(client, agents);
    await atWork;
    const joinMs = performance.now() - begun;
    say('all nodes are ready');
    const created = performance.now();
    await createAll(client, workspaces);
    say('all workspaces are declared');
    await untilRunning(client, workspaces);
    const convergeMs = performance.now() - created;
    say('all workspaces run');

    await pause(5_000);
    const before = { server: cpuMs(server), agents: processes.map(cpuMs) };
    const ages: number[] = [];
    const watched = performance.now();
    const lagMs = await reconcileLag(client, workspaces);
    while (performance.now() - watched < WATCH_MS) {
      ages.push(...(await leaseAges(client)));
      await pause(2_000);
    }
    const spentMs = performance.now() - watched;
    const serverShare = (cpuMs(server) - before.server) / spentMs;
    const agentsShare =
      processes.reduce((sum, one, i) => sum + cpuMs(one) - (before.agents[i] ?? 0), 0) / spentMs;
    const serverMiB = rssMiB(server);
    const agentsMiB = processes.reduce((sum, one) => sum + rssMiB(one), 0);
    const statsBefore = await statsOf(processes);
    say('the controller is killed');

    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
    // Long enough for all of them to notice, and to have tried in vain.
    await pause(5_000);
    server = await startServer();
    const up = performance.now();
    const restartedAt = Date.now();
    await untilConnected(client, agents);
    const reconnectMs = performance.now() - up;
    await untilRenewed(client, agents, restartedAt);
    const renewMs = performance.now() - up;
    say('all are back');
    const statsAfter = await statsOf(processes);
    const { text } = await client.raw('GET', '/metrics');
    const more = {
      agents,
      workspaces,
      relists: statsAfter.lists - statsBefore.lists,
      expiredWatches: statsAfter.expired - statsBefore.expired,
      resumedWatches: statsAfter.watches - statsBefore.watches,
      refused: [...text.matchAll(/^nexus_gateway_refusals_total\{reason="(\w+)"\} (\d+)/gm)].map(
        ([, reason, count]) => `${reason} ${count}`,
      ),
      afterRestartMiB: Math.round(rssMiB(server)),
    };
    console.log(more);
    report(
      'fleet',
      [
        { name: 'agents at work', values: [joinMs / 1000], unit: 's' },
        { name: 'workspaces running', values: [convergeMs / 1000], unit: 's' },
        { name: 'age of a heartbeat', values: ages.map(age => age / 1000), unit: 's' },
        { name: 'a change is seen through', values: lagMs },
        { name: 'controller memory', values: [serverMiB], unit: 'MiB' },
        { name: 'controller, share of a core', values: [serverShare], unit: '' },
        { name: 'all agents’ memory', values: [agentsMiB], unit: 'MiB' },
        { name: 'all agents, share of a core', values: [agentsShare], unit: '' },
        { name: 'restart: all connected', values: [reconnectMs / 1000], unit: 's' },
        { name: 'restart: all heard', values: [renewMs / 1000], unit: 's' },
      ],
      [{ what: 'all back after a restart, s', value: renewMs / 1000, bound: '<=', target: 60 }],
      more,
    );
  } finally {
    await client.close();
    for (const child of children) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    for (const dir of [home, far]) rmSync(dir, { recursive: true, force: true });
  }
}

/** What a child says next. Rejects when it ends instead. */
async function said(child: ChildProcess): Promise<unknown> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`a process ended with ${code}`);
  });
  const [message] = await Promise.race([once(child, 'message'), gone]);
  return message;
}

/** Nodes with a key each, and what their agents need of the gateway; resolves with the agents' homes. */
async function makeNodes(
  client: Client,
  { home, far, agents, address }: { home: string; far: string; agents: number; address: string },
): Promise<string[]> {
  const own = await until(() => readPublished(home, client), { timeoutMs: 20_000, what: () => 'host keys' });
  const homes = Array.from({ length: agents }, (_, i) => join(far, String(i)));
  await each(homes, async (dir, i) => {
    const folder = join(dir, 'agent');
    const { publicKey } = await loadSshKey(join(folder, 'id_ed25519'), 'nexus-agent');
    const nodeName = `fleet-${i}`;
    await writeGatewayFile(folder, { nodeName, addresses: [address], hostKeys: own });
    await client.create(NODE, {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Node',
      metadata: { name: nodeName },
      spec: { agentKeys: [publicKey] },
    });
  });
  return homes;
}

async function readPublished(home: string, client: Client): Promise<string[] | undefined> {
  const file = await readGatewayFile(join(home, 'agent'));
  if (file) return file.hostKeys;
  const { body } = await client
    .raw('GET', '/api/v1/namespaces/nexus-system/configmaps/nexus-gateway')
    .then(({ text }) => ({ body: JSON.parse(text) as { data?: { hostKeys?: string } } }))
    .catch(() => ({ body: undefined }));
  return body?.data?.hostKeys?.split('\n').filter(line => line !== '');
}

async function each<T>(items: T[], fn: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await fn(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

const createAll = (client: Client, count: number) =>
  each(Array.from({ length: count }), async (_, i) => {
    await client.create(WORKSPACE, {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name: `w-${i}`, namespace: 'default' },
      spec: { driver: 'memory' },
    });
  });

/** How long a change of a workspace takes to be reported back by its agent. */
async function reconcileLag(client: Client, workspaces: number): Promise<number[]> {
  const lags: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const key = { namespace: 'default', name: `w-${Math.floor((i * workspaces) / CHANGES)}` };
    const begun = performance.now();
    const change = { spec: { env: [{ name: 'ROUND', value: String(i) }] } };
    const { metadata } = await client.patch(WORKSPACE, key, 'merge', change);
    await until(
      async () => {
        const { status } = await client.get(WORKSPACE, key);
        return status?.observedGeneration === metadata.generation && status?.phase === 'Running';
      },
      { timeoutMs: WAIT_MS, everyMs: 10, what: () => `the change of ${key.name} to be seen through` },
    );
    lags.push(performance.now() - begun);
  }
  return lags;
}

async function renewals(client: Client): Promise<number[]> {
  const { items } = await client.list(LEASE);
  return items
    .filter(({ metadata }) => metadata.namespace?.startsWith('nexus-node-fleet-'))
    .map(({ spec }) => Date.parse(String(spec?.renewTime)));
}

const leaseAges = async (client: Client) => {
  const times = await renewals(client);
  const now = Date.now();
  return times.map(time => now - time);
};

const untilRenewed = (client: Client, agents: number, since: number) =>
  until(async () => (await renewals(client).catch(() => [])).filter(time => time >= since).length >= agents, {
    timeoutMs: WAIT_MS,
    everyMs: 500,
    what: () => `${agents} heartbeats`,
  });

const untilConnected = (client: Client, agents: number) =>
  until(async () => (await gauge(client, 'nexus_gateway_connections{kind="node"}')) >= agents, {
    timeoutMs: WAIT_MS,
    everyMs: 250,
    what: () => `${agents} agents to be connected`,
  });

const untilRunning = (client: Client, count: number) =>
  until(async () => (await gauge(client, 'nexus_workspaces{phase="Running"}')) >= count, {
    timeoutMs: WAIT_MS,
    everyMs: 250,
    what: () => `${count} workspaces to run`,
  });

const untilReady = (client: Client, count: number) =>
  until(
    async () =>
      (await client.list(NODE)).items.filter(node =>
        node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      ).length >= count,
    { timeoutMs: WAIT_MS, everyMs: 1_000, what: () => `${count} nodes to be ready` },
  );

/** As the server's own metrics say: a list would be part of what is measured. */
async function gauge(client: Client, name: string): Promise<number> {
  const answer = await client.raw('GET', '/metrics').catch(() => undefined);
  const line = answer?.text.split('\n').find(line => line.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

async function statsOf(processes: ChildProcess[]): Promise<FleetStats> {
  const all = await Promise.all(
    processes.map(async child => {
      const answer = said(child);
      child.send('stats');
      return (await answer) as FleetStats;
    }),
  );
  const sum = (key: keyof FleetStats) => all.reduce((total, stats) => total + stats[key], 0);
  return { lists: sum('lists'), watches: sum('watches'), expired: sum('expired') };
}
