import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { Test } from 'tap';
import { ensureTestImage } from './images.ts';
import { slimRootfs } from './slim-rootfs.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** A Docker engine of a test's own, that may be broken. */
export interface OwnEngine {
  readonly socketPath: string;
  readonly docker: Docker;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** SIGTERM, and waits for its end: containers are stopped. */
  stop(): Promise<void>;
  /** SIGKILL: containers run on without it. */
  kill(): Promise<void>;
  /** What a power cut leaves: the disk, and nothing of what ran or was in /run. */
  cutPower(): Promise<void>;
}

/** Starts one, with the image of tests in it, in the namespaces of this process (see runInOwnNetwork); it goes with the test. */
export async function ownEngine(t: Test): Promise<OwnEngine> {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-engine-'));
  // In memory: images are unpacked and removed in no time.
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'nexus-engine', dir]);
  const socketPath = join(dir, 'docker.sock');
  const execRoot = join(dir, 'run');
  const pidFile = join(dir, 'pid');
  const containerdPid = join(execRoot, 'containerd', 'containerd.pid');
  const logFile = join(dir, 'log');
  const args = [
    ...['--data-root', join(dir, 'data'), '--exec-root', execRoot, '--host', `unix://${socketPath}`],
    ...['--pidfile', pidFile, '--cgroup-parent', '/nexus-test'],
  ];
  const docker = new Docker({ socketPath });
  let daemon: ChildProcess | undefined;

  const hasEnded = () => !daemon || daemon.exitCode !== null || daemon.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    if (!daemon || hasEnded()) return;
    const containerd = Number(readFileSync(containerdPid, 'utf8'));
    const exit = once(daemon, 'exit');
    daemon.kill(signal);
    await exit;
    // It goes with its engine, a little later; the next engine's must not meet it.
    await until(() => !isAlive(containerd), { timeoutMs: 15_000, what: () => 'containerd to end' });
  };
  const launch = () => {
    // What was killed leaves its pid, which another process may have by now.
    for (const file of [pidFile, containerdPid]) rmSync(file, { force: true });
    const log = openSync(logFile, 'a', 0o600);
    // However this process ends, the engine does not stay.
    const command = ['--pdeathsig', 'TERM', 'dockerd', ...args];
    daemon = spawn('setpriv', command, { stdio: ['ignore', log, log] });
    closeSync(log);
  };
  const engine: OwnEngine = {
    socketPath,
    docker,
    async start() {
      launch();
      const answers = async () => {
        if (hasEnded()) throw new Error(`dockerd ended: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
        return docker.ping().catch(() => undefined);
      };
      await until(answers, {
        timeoutMs: 40_000,
        what: () => `dockerd to answer\n${readFileSync(logFile, 'utf8').slice(-2000)}`,
      });
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async cutPower() {
      for (const pid of processesOf(execRoot, daemon?.pid))
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended with another one.
        }
      await end('SIGKILL');
      await unmountAll(dir);
      rmSync(execRoot, { recursive: true, force: true });
      rmSync(socketPath, { force: true });
    },
  };
  t.teardown(async () => {
    await engine.stop();
    await engine.cutPower();
    await run('umount', ['--lazy', dir]);
    rmSync(dir, { recursive: true });
  });
  await engine.start();
  await ensureTestImage(docker, 'ready', slimRootfs);
  return engine;
}

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Everything that speaks of the engine's folder in its command line, and all that it has started. */
function processesOf(execRoot: string, daemon: number | undefined): number[] {
  const children = new Map<number, number[]>();
  const found = new Set<number>(daemon === undefined ? [] : [daemon]);
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean))
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${execRoot}/`)) found.add(pid);
    } catch {
      // It ended meanwhile.
    }
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return [...found];
}

async function unmountAll(dir: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(path => path.startsWith(`${dir}/`));
  for (const path of mounts.reverse()) await run('umount', ['--lazy', path]);
}
