import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { networkName } from '../../agent/drivers/docker/network.ts';
import { stopEnforcing } from '../../agent/drivers/network/firewall.ts';
import { LABEL_NODE } from '../../crds/names.ts';
import type { EngineByHand, Look } from './engine-by-hand.ts';
import { buildTestImage, ensureTestImage } from './images.ts';
import { patience } from './until.ts';

const run = promisify(execFile);
const ignore = () => {};

/** Docker, or what speaks its API at a socket. */
export function dockerByHand({ docker, socketPath }: { docker: Docker; socketPath: string }): EngineByHand {
  const host = ['-H', `unix://${socketPath}`];
  const cli = async (...args: string[]) =>
    (await run('docker', [...host, ...args], { timeout: patience(60_000) })).stdout.trim();
  const filters = (node: string) => ({ label: [`${LABEL_NODE}=${node}`] });
  const containers = (node: string) => docker.listContainers({ all: true, filters: filters(node) });
  const volumes = async (node: string) => {
    const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters(node)) as never });
    return (Volumes ?? []).map(({ Name }) => Name);
  };
  const now = async (): Promise<string> => (await docker.info()).SystemTime;

  return {
    driver: 'docker',
    args: ['--drivers=docker', `--docker-socket=${socketPath}`],
    image: () => ensureTestImage(docker, 'ready'),
    async imageWith(t, word, { path, content }) {
      const reference = `nexus-test:${word}`;
      const base = await ensureTestImage(docker, 'ready');
      await buildTestImage(docker, reference, `FROM ${base}\nRUN echo ${content} > ${path}\n`);
      t.teardown(() => docker.getImage(reference).remove({ force: true }));
      return reference;
    },
    async look(id) {
      const found = await docker.getContainer(id).inspect().catch(ignoreMissing);
      return found && toLook(found);
    },
    root: (id, command) => cli('exec', id, 'sh', '-c', command),
    async unmountHome(id) {
      const { State } = await docker.getContainer(id).inspect();
      await run('nsenter', ['-t', String(State.Pid), '-m', '-p', 'umount', '--lazy', '/home/dev']);
    },
    stop: id => docker.getContainer(id).stop({ t: 1 }),
    kill: id => docker.getContainer(id).kill({ signal: 'SIGKILL' }),
    remove: id => docker.getContainer(id).remove({ force: true }),
    async replace(id) {
      const old = docker.getContainer(id);
      const { Name, Config } = await old.inspect();
      await old.remove({ force: true });
      const fake = await docker.createContainer({
        name: Name.slice(1),
        Image: Config.Image,
        Labels: Config.Labels,
        Cmd: ['sleep', '1000'],
        HostConfig: { Init: true },
      });
      await fake.start();
    },
    hasVolume: async name => (await docker.getVolume(name).inspect().catch(ignoreMissing)) !== undefined,
    removeVolume: async name => docker.getVolume(name).remove(),
    async removeNetwork(node) {
      for (const { Id } of await docker.listNetworks({ filters: filters(node) }))
        await docker.getNetwork(Id).remove();
    },
    instances: async node => (await containers(node)).map(({ Names }) => Names[0]?.slice(1) ?? ''),
    volumes,
    async filesContain(id, text) {
      const count = `docker "$@" export ${id} | grep -acF '${text}' || true`;
      const { stdout } = await run('sh', ['-c', count, 'sh', ...host]);
      return stdout.trim() !== '0';
    },
    async follow(node) {
      const since = await now();
      return {
        async end() {
          const range = ['--since', since, '--until', await now()];
          const filter = ['--filter', `label=${LABEL_NODE}=${node}`, '--format', '{{.Type}} {{.Action}}'];
          const lines = (await cli('events', ...range, ...filter)).split('\n');
          return lines.filter(line => line !== '' && !line.startsWith('container exec_'));
        },
      };
    },
    async clear(node) {
      for (const { Id } of await containers(node))
        await docker.getContainer(Id).remove({ force: true }).catch(ignore);
      for (const name of await volumes(node))
        await docker.getVolume(name).remove({ force: true }).catch(ignore);
      for (const { Id } of await docker.listNetworks({ filters: filters(node) }))
        await docker.getNetwork(Id).remove().catch(ignore);
      await stopEnforcing(networkName(node).bridge).catch(ignore);
    },
  };
}

function toLook(found: Docker.ContainerInspectInfo): Look {
  const { Name, State, Mounts, HostConfig, NetworkSettings } = found;
  const home = Mounts.find(({ Destination }) => Destination === '/home/dev');
  const [network] = Object.values(NetworkSettings.Networks);
  return {
    name: Name.slice(1),
    isRunning: State.Running,
    startedAt: State.StartedAt,
    pid: State.Pid,
    address: network?.IPAddress ?? '',
    gateway: network?.Gateway ?? '',
    ...(home && { volume: { name: home.Name ?? '', folder: home.Source } }),
    limits: {
      ...(HostConfig.CpuQuota && { cpuMillis: HostConfig.CpuQuota / 100 }),
      ...(HostConfig.Memory && { memoryBytes: HostConfig.Memory }),
      pids: HostConfig.PidsLimit ?? 0,
    },
    text: JSON.stringify(found),
  };
}

function ignoreMissing(error: { statusCode?: number }): undefined {
  if (error.statusCode !== 404) throw error;
}
