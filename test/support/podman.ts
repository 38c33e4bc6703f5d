import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { Test } from 'tap';

/** Why tests that need it are skipped; false when it is installed and may be used. */
export async function noPodman(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'Podman is tested as root';
  try {
    await promisify(execFile)('podman', ['--version']);
    return false;
  } catch {
    return 'Podman is not installed: apt-get install podman catatonit netavark';
  }
}

/** Podman's Docker-compatible API on a socket of its own, ended with `t`. Images stay in the machine's storage. */
export async function startPodman(t: Test): Promise<{ socketPath: string; docker: Docker }> {
  const dir = await mkdtemp(join(tmpdir(), 'nexus-podman-'));
  const socketPath = join(dir, 'podman.sock');
  // Podman raises limits of its containers, and its own number of processes to that of files, which root may not do everywhere.
  const { stdout: limit } = await promisify(execFile)('sh', ['-c', 'ulimit -Hn']);
  const limits = ['nofile', 'nproc'].map(name => `${name}=${limit.trim()}:${limit.trim()}`);
  const configuration = join(dir, 'containers.conf');
  const engine = (await isHybrid()) ? '[engine]\nruntime = "runc"\n' : '';
  await writeFile(configuration, `[containers]\ndefault_ulimits = ${JSON.stringify(limits)}\n${engine}`);
  const service = spawn('podman', ['system', 'service', '--time=0', `unix://${socketPath}`], {
    stdio: 'ignore',
    env: { ...process.env, CONTAINERS_CONF: configuration },
  });
  const ended = once(service, 'exit');
  t.teardown(async () => {
    service.kill();
    await ended;
    await rm(dir, { recursive: true });
  });
  const docker = new Docker({ socketPath });
  for (let attempt = 0; ; attempt++) {
    try {
      await docker.ping();
      return { socketPath, docker };
    } catch (error) {
      if (attempt > 200) throw error;
      await setTimeout(50);
    }
  }
}

/** Whether a controller is in the unified hierarchy beside those of the former kind: crun refuses to run there. */
async function isHybrid(): Promise<boolean> {
  const controllers = await readFile('/sys/fs/cgroup/unified/cgroup.controllers', 'utf8').catch(() => '');
  return controllers.trim() !== '';
}
