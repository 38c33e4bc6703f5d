import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type {
  Guest,
  GuestConfig,
  GuestDesired,
  GuestService,
  GuestState,
} from '../../../agent/guest/guest.ts';
import { guestCommand, guestTmpfs } from '../../../agent/guest/program.ts';
import { createScriptGuest, type ScriptGuestOptions } from '../../../agent/guest/script-guest.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { type DockerNode, dockerNode, type EngineNode } from '../../support/docker-node.ts';
import { freePorts } from '../../support/ports.ts';
import { patience } from '../../support/until.ts';

const run = promisify(execFile);

export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** One instance with the real guest in it. */
export interface Lab<N extends EngineNode = DockerNode> {
  node: N;
  guest: Guest;
  id: string;
  /** What it was configured with; `configure` takes changes. */
  desired: GuestDesired;
  config: GuestConfig;
  dir: string;
  port: number;
  configure(changes?: Partial<GuestDesired>): Promise<void>;
  /** A shell command as root, or as another user. */
  sh(command: string, user?: string): Promise<Output>;
  /** A program of OpenSSH or rsync, with the options that make it check the host key strictly. */
  ssh(command: string[], options?: { input?: string; key?: string }): Promise<Output>;
  sshOptions(key?: string): string[];
  /** An ssh process that goes on. */
  session(command: string[]): ChildProcess;
  /** The first state that fits, from the watch. Fails when there is none for long. */
  until(fits: (state: GuestState) => boolean): Promise<GuestState>;
}

export interface LabOptions<N extends EngineNode = DockerNode> {
  desired?: Partial<GuestDesired>;
  guest?: Partial<ScriptGuestOptions>;
  files?: { path: string; content: string; mode: number }[];
  /**
   * How the program gets in. Defaults to files that are there before the start; `handover`: with the start, in place of
   * `configure` too; `none`: not at all.
   */
  program?: 'files' | 'handover' | 'none';
  /** Instead of the image with everything in it. */
  image?: (node: N) => Promise<string>;
}

/** Whether it is the supervisor that stands still, or one that follows it. */
const WHO_TELLS = `cd /run/nexus; date +%s; ls -l --time-style=+%s watchers snapshot *.told *.watcher supervisor.* 2>&1
ps -eo pid,ppid,stat,wchan:20,etimes,args 2>&1; cat snapshot`;

/** On the Docker engine of tests. */
export async function openLab(t: Test, options: LabOptions = {}): Promise<Lab | undefined> {
  return openLabOn(t, await dockerNode(t), options);
}

export async function openLabOn<N extends EngineNode>(
  t: Test,
  node: N,
  options: LabOptions<N> = {},
): Promise<Lab<N>> {
  const dir = await mkdtemp(join(tmpdir(), 'nexus-guest-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  for (const name of ['host', 'user', 'other', 'agent'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(dir, name)]);
  const key = (name: string) => readFile(join(dir, name), 'utf8');
  const guest = createScriptGuest({
    driver: node.driver,
    clock: systemClock,
    log: silentLogger,
    ...options.guest,
  });
  const desired: GuestDesired = {
    user: 'dev',
    authorizedKeys: [await key('user.pub')],
    agentKey: await key('agent.pub'),
    hostKey: await key('host'),
    env: {},
    services: [],
    ...options.desired,
  };
  const config = guest.render(desired);
  const [port = 0] = await freePorts(1);
  const { id } = await node.driver.create({
    ...node.spec('guest'),
    imageId: (await options.image?.(node)) ?? node.imageId,
    volume: { ...node.spec('guest').volume, mountPath: `/home/${desired.user}` },
    publish: [{ containerPort: 22, hostPort: port, hostAddress: '127.0.0.1' }],
    command: guestCommand(),
    tmpfs: guestTmpfs(),
    files: [...((options.program ?? 'files') === 'files' ? config.boot : []), ...(options.files ?? [])],
    autoStart: false,
  });
  const input = options.program === 'handover' ? guest.handover?.(config, true) : undefined;
  await node.driver.start(id, { ...(input !== undefined && { input }) });
  const hostKey = (await key('host.pub')).split(' ').slice(0, 2).join(' ');
  await writeFile(join(dir, 'known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);

  const sshOptions = (name = 'user') =>
    Object.entries({
      StrictHostKeyChecking: 'yes',
      UserKnownHostsFile: join(dir, 'known_hosts'),
      GlobalKnownHostsFile: '/dev/null',
      IdentityFile: join(dir, name),
      IdentitiesOnly: 'yes',
      IdentityAgent: 'none',
      BatchMode: 'yes',
      ConnectTimeout: '30',
      LogLevel: 'ERROR',
    }).flatMap(([option, value]) => ['-o', `${option}=${value}`]);

  const lab: Lab<N> = {
    node,
    guest,
    id,
    desired,
    config,
    dir,
    port,
    async configure(changes = {}) {
      Object.assign(lab.desired, changes);
      lab.config = guest.render(lab.desired);
      await guest.configure(id, lab.config);
    },
    async sh(command, user) {
      const process = await node.driver.exec(id, ['/bin/sh', '-c', command], user ? { user } : {});
      const [stdout, stderr] = await Promise.all([text(process.stdout), text(process.stderr)]);
      return { code: await process.exit, stdout, stderr };
    },
    async ssh([program = 'ssh', ...args], { input, key: name } = {}) {
      const child = spawn(program, args[0] === '-e' ? args : [...sshOptions(name), ...args], {
        stdio: 'pipe',
      });
      child.stdin.on('error', () => {});
      child.stdin.end(input ?? '');
      const [stdout, stderr] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      return { code: child.exitCode, stdout, stderr };
    },
    sshOptions,
    session(command) {
      const child = spawn(
        'ssh',
        [...sshOptions(), '-p', String(port), `${desired.user}@127.0.0.1`, ...command],
        {
          stdio: 'pipe',
        },
      );
      t.teardown(() => child.kill('SIGKILL'));
      return child;
    },
    until: fits =>
      untilState(guest, id, fits).catch(async error => {
        const { stdout } = await lab.sh(WHO_TELLS);
        throw new Error(`${error.message}\n${stdout}`, { cause: error });
      }),
  };
  return lab;
}

/** Watches until a state fits. */
export async function untilState(
  guest: Guest,
  id: string,
  fits: (state: GuestState) => boolean,
): Promise<GuestState> {
  const stop = new AbortController();
  const waitMs = patience(0);
  const limit = systemClock.after(waitMs, () => stop.abort());
  const began = performance.now();
  let last: GuestState | undefined;
  try {
    for await (const state of guest.watch(id, stop.signal)) {
      last = state;
      if (fits(state)) return state;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    limit();
    stop.abort();
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  throw new Error(
    `no state fitted until the watch ended after ${seconds} s; the last one: ${JSON.stringify(last)}`,
  );
}

/** The state of one service, for predicates. */
export function serviceOf(state: GuestState, name: string) {
  return state.services.find(service => service.name === name);
}

export function service(name: string, command: string, more: Partial<GuestService> = {}): GuestService {
  return { name, command, env: {}, ...more };
}
