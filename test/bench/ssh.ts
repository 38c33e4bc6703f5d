import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newAgentKey } from '../../agent/ssh/agent-key.ts';
import { startSshd } from '../support/sshd.ts';
import { cpuMs, rssMiB } from './process-figures.ts';
import { type Figures, median, report } from './report.ts';
import type { AgentPart, GatewayPart } from './ssh-parts.ts';
import {
  download,
  furtherSessions,
  OURS,
  type Ours,
  SAMPLES,
  type Sample,
  type Samples,
  typing,
  upload,
} from './ssh-samples.ts';

const PARTS = fileURLToPath(new URL('./ssh-parts.ts', import.meta.url));
const MIB = 1024 * 1024;

/** Ways to one sshd, each a host of the ssh configuration. */
const ROUTES = ['direct', 'openssh', 'gateway', 'local'] as const;
type Route = (typeof ROUTES)[number];
const NAMES: Record<Route, string> = {
  direct: 'direct',
  openssh: 'OpenSSH jump host',
  gateway: 'gateway, node elsewhere',
  local: 'gateway, node beside it',
};

/** `ssh [ROUNDS] [MIB]`: the ways to a workspace's sshd side by side, by turns. */
export async function run([rounds = '5', mib = '128']: string[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-bench-ssh-'));
  const children: ChildProcess[] = [];
  const part = async <T>(args: string[]): Promise<T & { child: ChildProcess }> => {
    const child = fork(PARTS, args);
    children.push(child);
    const [message] = await once(child, 'message');
    return { ...(message as T), child };
  };
  try {
    const far = await part<GatewayPart>(['gateway']);
    const near = await part<GatewayPart>(['gateway']);
    const { socket: _, ...farFile } = far.agent.file;
    const farAgent: AgentPart = { ...far.agent, file: farFile };
    // Both lead to one sshd.
    const nearAgent: AgentPart = { ...near.agent, sshdPort: far.agent.sshdPort };
    const agents = {
      far: await part(['agent', JSON.stringify(farAgent)]),
      near: await part(['agent', JSON.stringify(nearAgent)]),
    };
    const jump = await startSshd({
      dir: join(dir, 'jump'),
      hostKey: newAgentKey(),
      authorizedKeys: [far.userKey.publicKey],
    });
    const config = writeConfig(dir, {
      keys: { far: far.userKey.privateKey, near: near.userKey.privateKey },
      ports: { sshd: far.agent.sshdPort, jump: jump.port, far: far.port, near: near.port },
    });
    const zeros = join(dir, 'zeros');
    writeFileSync(zeros, '');
    truncateSync(zeros, Number(mib) * MIB);
    try {
      const processes: Plan['processes'] = {
        gateway: { gateway: far.child, agent: agents.far.child },
        local: { gateway: near.child, agent: agents.near.child },
      };
      const plan = { config, dir, zeros, rounds: Number(rounds), mib: Number(mib), processes };
      conclude(await measure(plan));
    } finally {
      await jump.close();
    }
  } finally {
    for (const child of children.reverse()) {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Plan {
  config: string;
  dir: string;
  zeros: string;
  rounds: number;
  mib: number;
  /** Ours on the way. */
  processes: Partial<Record<Route, Record<Ours, ChildProcess>>>;
}

async function measure({
  config,
  dir,
  zeros,
  rounds,
  mib,
  processes,
}: Plan): Promise<Record<Route, Samples>> {
  const none = () => Object.fromEntries(SAMPLES.map(name => [name, [] as number[]])) as Samples;
  const all = { direct: none(), openssh: none(), gateway: none(), local: none() };
  const ssh = (args: string[]) => ['-F', config, ...args];
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < ROUTES.length; i++) {
      // Each is first in turn.
      const route = ROUTES[(i + round) % ROUTES.length] as Route;
      const samples = all[route];
      await typing(ssh(['-tt', route, 'PS1="nexus> " exec sh -i']), samples);
      const ours = Object.entries(processes[route] ?? {}) as [Ours, ChildProcess][];
      for (const way of ['up', 'down'] as const) {
        const before = ours.map(([, child]) => cpuMs(child));
        const seconds = await (way === 'up' ? upload(ssh([route]), zeros) : download(ssh([route]), mib));
        samples[way].push(mib / seconds);
        for (const [i, [name, child]] of ours.entries()) {
          samples[`${name} ${way}`].push((cpuMs(child) - (before[i] as number)) / mib);
          samples[`${name} memory`].push(rssMiB(child));
        }
      }
      samples.session.push(...(await furtherSessions(ssh(['-S', join(dir, `control-${route}`)]), route)));
    }
  return all;
}

function writeConfig(
  dir: string,
  {
    keys,
    ports,
  }: { keys: Record<'far' | 'near', string>; ports: Record<'sshd' | 'jump' | 'far' | 'near', number> },
): string {
  for (const [name, key] of Object.entries(keys))
    writeFileSync(join(dir, `key-${name}`), key, { mode: 0o600 });
  const jumpHost = (name: string, port: number, key: string) => [
    `Host ${name}`,
    '  HostName 127.0.0.1',
    `  Port ${port}`,
    `  IdentityFile ${join(dir, `key-${key}`)}`,
  ];
  const lines = [
    ...jumpHost('via-openssh', ports.jump, 'far'),
    ...jumpHost('via-gateway', ports.far, 'far'),
    ...jumpHost('via-local', ports.near, 'near'),
    ...jumpHost('direct', ports.sshd, 'far'),
    ...jumpHost('openssh', ports.sshd, 'far'),
    '  ProxyJump via-openssh',
    ...['gateway', 'local'].flatMap(name => [
      `Host ${name}`,
      '  HostName shop.alice',
      `  IdentityFile ${join(dir, 'key-far')}`,
      `  ProxyJump via-${name}`,
    ]),
    'Host *',
    `  User ${userInfo().username}`,
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    '  StrictHostKeyChecking no',
    '  UserKnownHostsFile /dev/null',
    '  GlobalKnownHostsFile /dev/null',
    '  LogLevel ERROR',
    '  BatchMode yes',
  ];
  const file = join(dir, 'config');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function conclude(all: Record<Route, Samples>): void {
  const of = (what: Sample, unit?: string): Figures[] =>
    ROUTES.filter(route => all[route][what].length > 0).map(route => ({
      name: `${what}: ${NAMES[route]}`,
      values: all[route][what],
      ...(unit && { unit }),
    }));
  const middle = (route: Route, what: Sample) => median(all[route][what]);
  const verdicts = (['gateway', 'local'] as const).flatMap(route => [
    {
      what: `${NAMES[route]}: keystroke, ms more than OpenSSH`,
      value: middle(route, 'keystroke') - middle('openssh', 'keystroke'),
      bound: '<=' as const,
      target: 1,
    },
    ...(['up', 'down'] as const).map(way => ({
      what: `${NAMES[route]}: ${way}, share of OpenSSH`,
      value: middle(route, way) / middle('openssh', way),
      bound: '>=' as const,
      target: 0.6,
    })),
    {
      what: `${NAMES[route]}: further session, ms`,
      value: middle(route, 'session'),
      bound: '<=' as const,
      target: 50,
    },
  ]);
  const figures = [
    ...of('prompt'),
    ...of('keystroke'),
    ...of('up', 'MiB/s'),
    ...of('down', 'MiB/s'),
    ...of('session'),
    ...OURS.flatMap(name => [
      ...of(`${name} up`, 'ms of processor a MiB'),
      ...of(`${name} down`, 'ms of processor a MiB'),
      ...of(`${name} memory`, 'MiB'),
    ]),
  ];
  report('ssh', figures, verdicts);
}
