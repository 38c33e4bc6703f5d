import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type Docker from 'dockerode';
import type { Limits } from '../../driver.ts';
import { readCgroups } from '../cgroup.ts';

const PAGE_BYTES = 4096;

interface HostLimits {
  CpuPeriod: number;
  CpuQuota: number;
  Memory: number;
  MemorySwap: number;
  PidsLimit: number;
}

/**
 * Limits of a running container by Podman's own API: before version 5 its Docker-compatible one has no such call. Podman
 * then neither shows them nor keeps them over a restart; see effectiveLimits.
 */
export function updateByLibpod(docker: Docker, id: string, limits: HostLimits): Promise<void> {
  return new Promise((resolve, reject) =>
    docker.modem.dial(
      {
        path: `/v4.0.0/libpod/containers/${id}/update`,
        method: 'POST',
        options: {
          cpu: { period: limits.CpuPeriod, quota: limits.CpuQuota },
          memory: { limit: limits.Memory, swap: limits.MemorySwap },
          pids: { limit: limits.PidsLimit },
        },
        statusCodes: { 200: true, 201: true, 404: 'no such container', 500: 'server error' },
      },
      (error: Error | null) => (error ? reject(error) : resolve()),
    ),
  );
}

/** What the kernel holds a process to; a limit that is not there is absent. Undefined when it cannot be read here. */
export async function effectiveLimits(pid: number, root = '/'): Promise<Limits | undefined> {
  try {
    const { isV1: v1, of } = await readCgroups(pid, root);
    const read = (controller: string, file: string) => {
      const { mount, path } = of(controller);
      return nearest(mount, path, file);
    };
    const [memory, cpu, pids] = await Promise.all([
      read('memory', v1 ? 'memory.limit_in_bytes' : 'memory.max'),
      v1
        ? Promise.all([read('cpu', 'cpu.cfs_quota_us'), read('cpu', 'cpu.cfs_period_us')])
        : read('cpu', 'cpu.max').then(value => value?.split(' ')),
      read('pids', 'pids.max'),
    ]);
    const cpuMillis = (Number(cpu?.[0]) * 1000) / Number(cpu?.[1]);
    return {
      ...(cpuMillis > 0 && { cpuMillis: Math.round(cpuMillis) }),
      // No limit is a number beyond any machine in cgroup v1.
      ...(Number(memory) < 2 ** 50 && { memoryBytes: Number(memory) }),
      pids: Number(pids) || 0,
    };
  } catch {
    return undefined;
  }
}

/** A limit in the group or, since engines put processes one level deeper, the nearest above that sets one. */
async function nearest(mount: string, path: string, file: string): Promise<string | undefined> {
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) {
    const value = (await readFile(join(mount, at, file), 'utf8').catch(() => 'max')).trim();
    if (!/^(max|-1)/.test(value)) return value;
  }
  return undefined;
}

/** The kernel counts memory in pages: what was asked for is shown when it comes to the same. */
export function asAskedFor(effective: Limits, ...asked: (Limits | undefined)[]): Limits {
  const inPages = (bytes: number | undefined) => bytes && Math.floor(bytes / PAGE_BYTES);
  const same = asked.find(
    limits => limits?.memoryBytes && inPages(limits.memoryBytes) === inPages(effective.memoryBytes),
  );
  return same ? { ...effective, memoryBytes: same.memoryBytes } : effective;
}
