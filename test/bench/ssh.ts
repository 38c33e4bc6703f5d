import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newAgentKey } from '../../agent/ssh/agent-key.ts';
import { startSshd } from '../support/sshd.ts';
import { type Figures, median, report } from './report.ts';
import type { AgentPart, GatewayPart } from './ssh-parts.ts';

const PARTS = fileURLToPath(new URL('./ssh-parts.ts', import.meta.url));
const MIB = 1024 * 1024;
const KEYSTROKES = 100;
const SESSIONS = 5;
const GIVE_UP_MS = 60_000;

/** Ways to one sshd, each a host of the ssh configuration. */
const ROUTES = ['direct', 'openssh', 'gateway', 'local'] as const;
type Route = (typeof ROUTES)[number];
const NAMES: Record<Route, string> = {
  direct: 'direct',
  openssh: 'OpenSSH jump host',
  gateway: 'gateway, node elsewhere',
  local: 'gateway, node beside it',
};

type Samples = Record<'prompt' | 'keystroke' | 'up' | 'down' | 'session', number[]>;

/** `ssh [ROUNDS] [MIB]`: the ways to a workspace's sshd side by side, by turns. */
export async function run([rounds = '5', mib = '128']: string[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-bench-ssh-'));
  const children: ChildProcess[] = [];
  const part = async <T>(args: string[]): Promise<T> => {
    const child = fork(PARTS, args);
    children.push(child);
    const [message] = await once(child, 'message');
    return message as T;
  };
  try {
    const far = await part<GatewayPart>(['gateway']);
    const near = await part<GatewayPart>(['gateway']);
    const { socket: _, ...farFile } = far.agent.file;
    const farAgent: AgentPart = { ...far.agent, file: farFile };
    // Both lead to one sshd.
    const nearAgent: AgentPart = { ...near.agent, sshdPort: far.agent.sshdPort };
    await part(['agent', JSON.stringify(farAgent)]);
    await part(['agent', JSON.stringify(nearAgent)]);
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
      const all = await measure({ config, dir, zeros, rounds: Number(rounds), mib: Number(mib) });
      conclude(all);
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
}

async function measure({ config, dir, zeros, rounds, mib }: Plan): Promise<Record<Route, Samples>> {
  const all = Object.fromEntries(
    ROUTES.map(route => [route, { prompt: [], keystroke: [], up: [], down: [], session: [] } as Samples]),
  ) as Record<Route, Samples>;
  const ssh = (args: string[]) => ['-F', config, ...args];
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < ROUTES.length; i++) {
      // Each is first in turn.
      const route = ROUTES[(i + round) % ROUTES.length] as Route;
      const samples = all[route];
      await typing(ssh(['-tt', route, 'PS1="nexus> " exec sh -i']), samples);
      samples.up.push(mib / (await upload(ssh([route]), zeros)));
      samples.down.push(mib / (await download(ssh([route]), mib)));
      samples.session.push(...(await furtherSessions(ssh(['-S', join(dir, `control-${route}`)]), route)));
    }
  return all;
}

/** Time to the prompt, and of each keystroke until it is echoed; in milliseconds. */
async function typing(args: string[], samples: Samples): Promise<void> {
  const begun = performance.now();
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const { stdin, stdout } = child;
  let seen = '';
  let wake = () => {};
  stdout.on('data', (data: Buffer) => {
    seen += data;
    wake();
  });
  child.once('exit', () => wake());
  const untilSeen = async (what: string) => {
    while (!seen.includes(what)) {
      if (child.exitCode !== null) throw new Error(`ssh ended: ${seen}`);
      await within(
        new Promise<void>(resolve => {
          wake = resolve;
        }),
        what,
      );
    }
    seen = '';
  };
  await untilSeen('nexus> ');
  samples.prompt.push(performance.now() - begun);
  for (let i = 0; i < KEYSTROKES; i++) {
    const at = performance.now();
    stdin.write('x');
    await untilSeen('x');
    samples.keystroke.push(performance.now() - at);
  }
  child.kill();
}

/** Seconds from when the session stands until the last byte has arrived there. */
async function upload(args: string[], zeros: string): Promise<number> {
  const file = openSync(zeros, 'r');
  const child = spawn('ssh', [...args, 'echo begin; wc -c'], { stdio: [file, 'pipe', 'inherit'] });
  closeSync(file);
  await within(once(child.stdout as NonNullable<typeof child.stdout>, 'data'), 'begin');
  const begun = performance.now();
  await within(once(child, 'exit'), 'the end of an upload');
  return (performance.now() - begun) / 1000;
}

/** Seconds from when the session stands until the last byte has arrived here. */
async function download(args: string[], mib: number): Promise<number> {
  const nowhere = openSync('/dev/null', 'w');
  const command = `echo begin >&2; head -c ${mib * MIB} /dev/zero`;
  const child = spawn('ssh', [...args, command], { stdio: ['ignore', nowhere, 'pipe'] });
  closeSync(nowhere);
  await within(once(child.stderr as NonNullable<typeof child.stderr>, 'data'), 'begin');
  const begun = performance.now();
  await within(once(child, 'exit'), 'the end of a download');
  return (performance.now() - begun) / 1000;
}

/** Milliseconds of commands over a connection that is there. */
async function furtherSessions(args: string[], route: Route): Promise<number[]> {
  const call = async (more: string[]) => {
    const child = spawn('ssh', [...args, ...more], { stdio: 'ignore' });
    const [code] = await within(once(child, 'exit'), more.join(' '));
    if (code !== 0) throw new Error(`ssh ${more.join(' ')} ended with ${code}`);
  };
  await call(['-M', '-N', '-f', route]);
  const times = [];
  for (let i = 0; i < SESSIONS; i++) {
    const begun = performance.now();
    await call([route, 'true']);
    times.push(performance.now() - begun);
  }
  await call(['-O', 'exit', route]);
  return times;
}

function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = Promise.withResolvers<never>();
  const id = setTimeout(
    () => timer.reject(new Error(`${what} did not come within ${GIVE_UP_MS / 1000} s`)),
    GIVE_UP_MS,
  );
  return Promise.race([promise, timer.promise]).finally(() => clearTimeout(id));
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
  const of = (what: keyof Samples, unit?: string): Figures[] =>
    ROUTES.map(route => ({
      name: `${what}: ${NAMES[route]}`,
      values: all[route][what],
      ...(unit && { unit }),
    }));
  const middle = (route: Route, what: keyof Samples) => median(all[route][what]);
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
  ];
  report('ssh', figures, verdicts);
}
