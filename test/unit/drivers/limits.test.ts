import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import t from 'tap';
import { asAskedFor, effectiveLimits } from '../../../agent/drivers/docker/podman-limits.ts';
import { contentId, hostLimits, toInstance } from '../../../agent/drivers/docker/to-instance.ts';

const GIBI = 2 ** 30;

/** The least that an engine says of a container. */
function container(over: { host?: object; state?: object } = {}): ContainerInspectInfo {
  return {
    Id: 'abc',
    Name: '/nexus-shop',
    Image: 'abc',
    Config: { Labels: {} },
    State: { Status: 'running', StartedAt: '2026-01-01T00:00:00Z', ExitCode: 0, ...over.state },
    HostConfig: { PidsLimit: 10, ...over.host },
    NetworkSettings: { Networks: { n: { IPAddress: '10.0.0.2' } } },
    Mounts: [],
  } as unknown as ContainerInspectInfo;
}

t.test('limits come back as they were given, in every way an engine keeps them', async t => {
  for (const limits of [
    { cpuMillis: 1500, memoryBytes: GIBI, pids: 100 },
    { pids: 4096 },
    { cpuMillis: 250, pids: 1 },
  ])
    t.same(toInstance(container({ host: hostLimits(limits) }), true).limits, limits);
  t.same(toInstance(container({ host: { NanoCpus: 2e9 } }), true).limits, { cpuMillis: 2000, pids: 10 });
  t.same(toInstance(container({ host: { Memory: -1, PidsLimit: null } }), true).limits, { pids: 0 });
  t.equal(hostLimits({ cpuMillis: 1, pids: 0 }).CpuQuota, 1000, 'the least the kernel takes');
  t.equal(hostLimits({ pids: 0 }).PidsLimit, 4096, 'there is always one');
});

t.test('states of engines are three', async t => {
  const states = {
    created: 'Created',
    configured: 'Created',
    initialized: 'Created',
    running: 'Running',
    paused: 'Stopped',
    restarting: 'Stopped',
    exited: 'Stopped',
    dead: 'Stopped',
    stopped: 'Stopped',
  };
  for (const [Status, state] of Object.entries(states))
    t.equal(toInstance(container({ state: { Status } }), true).state, state, Status);
  t.equal(toInstance(container(), true).address, '10.0.0.2');
  t.equal(toInstance(container(), false).address, undefined, 'not where it means nothing');
  t.notOk(toInstance(container({ state: { StartedAt: '0001-01-01T00:00:00Z' } }), true).startedAt);
  t.equal(contentId('abc'), 'sha256:abc');
});

async function tree(dir: string, files: Record<string, string>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), `${content}\n`);
  }
  return dir;
}

t.test('what the kernel holds a process to is read in both versions of cgroups', async t => {
  const v1 = await tree(join(t.testdir(), 'v1'), {
    'proc/7/cgroup': '3:memory:/pod/one\n2:cpu,cpuacct:/pod/one\n1:pids:/pod/one\n0::/x',
    'sys/fs/cgroup/memory/pod/one/memory.limit_in_bytes': '1073741824',
    'sys/fs/cgroup/cpu/pod/one/cpu.cfs_quota_us': '50000',
    'sys/fs/cgroup/cpu/pod/one/cpu.cfs_period_us': '100000',
    'sys/fs/cgroup/pids/pod/one/pids.max': '77',
  });
  t.same(await effectiveLimits(7, v1), { cpuMillis: 500, memoryBytes: GIBI, pids: 77 });

  const v2 = await tree(join(t.testdir(), 'v2'), {
    'proc/7/cgroup': '0::/machine.slice/one.scope/container',
    'sys/fs/cgroup/machine.slice/one.scope/memory.max': '1073741824',
    'sys/fs/cgroup/machine.slice/one.scope/cpu.max': '150000 100000',
    'sys/fs/cgroup/machine.slice/one.scope/pids.max': '77',
    'sys/fs/cgroup/machine.slice/one.scope/container/memory.max': 'max',
    'sys/fs/cgroup/machine.slice/one.scope/container/cpu.max': 'max 100000',
  });
  t.same(await effectiveLimits(7, v2), { cpuMillis: 1500, memoryBytes: GIBI, pids: 77 });

  const free = await tree(join(t.testdir(), 'free'), {
    'proc/7/cgroup': '3:memory:/pod\n2:cpu:/pod\n1:pids:/pod',
    'sys/fs/cgroup/memory/pod/memory.limit_in_bytes': '9223372036854771712',
    'sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us': '-1',
    'sys/fs/cgroup/pids/pod/pids.max': 'max',
  });
  t.same(await effectiveLimits(7, free), { pids: 0 });
  t.equal(await effectiveLimits(8, free), undefined, 'a process that is not there');
});

t.test('memory is shown as it was asked for when the kernel only rounded it', async t => {
  const kernel = { memoryBytes: 99_999_744, pids: 5 };
  t.same(asAskedFor(kernel, undefined, { memoryBytes: 100_000_000, pids: 1 }), {
    memoryBytes: 100_000_000,
    pids: 5,
  });
  t.same(asAskedFor(kernel, { memoryBytes: 200_000_000, pids: 1 }), kernel);
  t.same(asAskedFor({ pids: 5 }, { pids: 1 }), { pids: 5 });
});
