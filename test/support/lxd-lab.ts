import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { LxdClient } from '../../agent/drivers/lxc/api/lxd-client.ts';
import type { LxdInstance, LxdNetwork, LxdPool, LxdVolume } from '../../agent/drivers/lxc/api/types.ts';
import { hasProgram } from '../../manifests/install/packages.mjs';
import type { TestImage } from './images.ts';
import { giveImage } from './lxd-images.ts';
import { patience, until } from './until.ts';

const run = promisify(execFile);

/** Why tests of LXD are skipped; false where it can run. One that is not installed fails them: see startLxd. */
export function noLxd(): string | false {
  return process.getuid?.() === 0 ? false : 'LXD is tested as root';
}

export interface LxdLab {
  socketPath: string;
  /** LXD_DIR, for the `lxc` command line. */
  dir: string;
  lxd: LxdClient;
  /** The command line, as people use it. */
  lxc(...args: string[]): Promise<string>;
  /**
   * Output of a shell's command as root in an instance. Rejects with `code`, `stdout` and `stderr` when it fails. LXD keeps
   * what is said in files: of the streams of `lxc exec` it loses some on a machine that has much to do.
   */
  exec(instance: string, command: string): Promise<string>;
  /** Alias of an image that is there. */
  image(name: TestImage): Promise<string>;
}

/** One that a test may break. */
export interface OwnLxd extends LxdLab {
  /** Ends the daemon; what it runs goes on, but for SIGPWR, with which a machine that shuts down ends it. */
  stop(signal?: 'SIGTERM' | 'SIGKILL' | 'SIGPWR'): Promise<void>;
  start(): Promise<void>;
}

/** Storage pool of a lab. */
export const TEST_POOL = 'test';

/** Of the file that is the disk; it takes no more than is written. */
const POOL_SIZE = '12GiB';

/** The daemon; LXD_DIR says where. */
export const LXD = ['lxd', '--group', 'root', '--verbose'];

const NEEDS = { lxd: 'lxd', lxc: 'lxd-client', dnsmasq: 'dnsmasq-base', unsquashfs: 'squashfs-tools' };

/** Throws where LXD is not installed, with what installs it. */
export function checkLxd(): void {
  const missing = Object.entries(NEEDS).flatMap(([program, name]) => (hasProgram(program) ? [] : name));
  if (missing.length > 0)
    throw new Error(`LXD cannot be tested; run as root: apt-get install -y ${missing.join(' ')}`);
}

/** Waits until the LXD whose folder is `dir` answers. */
export async function untilLxd(lxd: LxdClient, dir: string): Promise<void> {
  const answers = () =>
    lxd.get('/1.0').then(
      () => true,
      () => false,
    );
  await until(answers, {
    timeoutMs: 30_000,
    what: () => `LXD to answer at ${lxd.socketPath}; its log is ${join(dir, 'daemon.log')}`,
  });
}

/** The one whose folder is `dir`, by `lxd`; images are given by `give`, each once. */
export function lxdAt(
  dir: string,
  lxd: LxdClient,
  give: (name: TestImage) => Promise<string> = name => giveImage(lxd, name),
): LxdLab {
  const images = new Map<TestImage, Promise<string>>();
  return {
    socketPath: lxd.socketPath,
    dir,
    lxd,
    lxc: async (...args) => {
      const started = run('lxc', args, {
        env: { ...process.env, LXD_DIR: dir, HOME: dir },
        timeout: patience(60_000),
      });
      // It takes a configuration from there.
      started.child.stdin?.end();
      const { stdout } = await started;
      return stdout.trim();
    },
    exec: (instance, command) => execRecorded(lxd, { dir, instance, command }),
    image(name) {
      const there = images.get(name) ?? give(name);
      images.set(name, there);
      return there;
    },
  };
}

/**
 * An LXD of the test's own, for one that breaks it or wants it as nobody else does (else: sharedLxd); gone with the test, and
 * all that it made. `isBare`: never set up, as after its installation; else with a storage pool on which an instance is made in
 * no time, where the kernel can. `env` is the daemon's. Throws where LXD is not installed.
 */
export async function startLxd(
  t: Test,
  { isBare = false, env = {} }: { isBare?: boolean; env?: Record<string, string> } = {},
): Promise<OwnLxd> {
  checkLxd();
  const dir = await mkdtemp(join(tmpdir(), 'nexus-lxd-'));
  // Users of unprivileged containers pass through it.
  await chmod(dir, 0o711);
  const lxd = new LxdClient(join(dir, 'unix.socket'));
  let ended: Promise<unknown> | undefined;
  let kill: ((signal: NodeJS.Signals) => void) | undefined;
  const log = await open(join(dir, 'daemon.log'), 'a');

  const start = async () => {
    // However this process ends, neither LXD nor what it runs stays: to this signal it shuts down all.
    const child = spawn('setpriv', ['--pdeathsig', 'PWR', ...LXD], {
      env: { ...process.env, ...env, LXD_DIR: dir },
      stdio: ['ignore', log.fd, log.fd],
    });
    ended = once(child, 'exit');
    kill = signal => child.kill(signal);
    await untilLxd(lxd, dir);
  };
  const stop: OwnLxd['stop'] = async (signal = 'SIGTERM') => {
    kill?.(signal);
    await ended;
    kill = undefined;
  };

  t.teardown(async () => {
    if (!kill) await start();
    await removeAll(lxd);
    await stop();
    lxd.close();
    await log.close();
    await unmountBelow(dir);
    await rm(dir, { recursive: true, force: true });
  });
  await start();
  if (!isBare) await makePool(lxd);
  return { ...lxdAt(dir, lxd), stop, start };
}

interface Recorded {
  return: number;
  /** Paths of files in the API, by number of stream. */
  output: Record<'1' | '2', string>;
}

async function execRecorded(
  lxd: LxdClient,
  { dir, instance, command }: { dir: string; instance: string; command: string },
): Promise<string> {
  const { metadata } = await lxd.change<Recorded>('POST', `/1.0/instances/${instance}/exec`, {
    body: { command: ['sh', '-c', command], interactive: false, 'record-output': true },
    signal: AbortSignal.timeout(patience(60_000)),
  });
  if (!metadata) throw new Error(`LXD told nothing of ${command}`);
  const read = (path: string) => readFile(join(dir, 'logs', instance, basename(path)), 'utf8');
  const [stdout, stderr] = await Promise.all([read(metadata.output[1]), read(metadata.output[2])]);
  if (metadata.return === 0) return stdout.trim();
  const error = new Error(`in ${instance}, "${command}" ended with ${metadata.return}: ${stderr}`);
  throw Object.assign(error, { code: metadata.return, stdout, stderr });
}

/** Copies on write are a tenth of the time of a test; without them the driver makes a pool of directories. */
export async function makePool(lxd: LxdClient): Promise<void> {
  await lxd
    .change('POST', '/1.0/storage-pools', {
      body: { name: TEST_POOL, driver: 'btrfs', config: { size: POOL_SIZE } },
    })
    .catch(error => console.error(`no btrfs for tests, which takes longer: ${(error as Error).message}`));
}

async function removeAll(lxd: LxdClient): Promise<void> {
  const ignore = () => {};
  const instances = await lxd.list<LxdInstance>('/1.0/instances?recursion=1');
  await Promise.all(
    instances.map(async ({ name }) => {
      await lxd
        .change('PUT', `/1.0/instances/${name}/state`, { body: { action: 'stop', force: true, timeout: -1 } })
        .catch(ignore);
      await lxd.change('DELETE', `/1.0/instances/${name}`).catch(ignore);
    }),
  );
  for (const { name } of await lxd.list<LxdPool>('/1.0/storage-pools?recursion=1')) {
    const volumes = await lxd.list<LxdVolume>(`/1.0/storage-pools/${name}/volumes/custom?recursion=1`);
    for (const volume of volumes)
      await lxd.change('DELETE', `/1.0/storage-pools/${name}/volumes/custom/${volume.name}`).catch(ignore);
  }
  const networks = await lxd.list<LxdNetwork>('/1.0/networks?recursion=1');
  for (const { name } of networks.filter(({ managed }) => managed))
    await lxd.change('DELETE', `/1.0/networks/${name}`).catch(ignore);
}

/** LXD leaves small file systems mounted for instances that go on without it. */
async function unmountBelow(dir: string): Promise<void> {
  const mounts = (await readFile('/proc/mounts', 'utf8'))
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(path => path.startsWith(`${dir}/`));
  for (const path of mounts.reverse()) await run('umount', ['-l', path]);
}
