import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type {
  LxdInstance,
  LxdInstanceState,
  LxdNetwork,
  LxdVolume,
} from '../../agent/drivers/lxc/api/types.ts';
import { limitsOf } from '../../agent/drivers/lxc/limits.ts';
import { labelOf } from '../../agent/drivers/lxc/names.ts';
import { networkName } from '../../agent/drivers/lxc/network.ts';
import { stopEnforcing } from '../../agent/drivers/network/firewall.ts';
import { LABEL_NODE } from '../../crds/names.ts';
import type { EngineByHand } from './engine-by-hand.ts';
import { type LxdLab, TEST_POOL } from './lxd-lab.ts';
import { startOf } from './start-of.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const ignore = () => {};
/** Of what a driver calls an instance. */
const nameOf = (id: string) => id.split('.')[0] ?? '';
const path = (id: string) => `/1.0/instances/${nameOf(id)}`;

/** LXD, by the command line and the API that its users have. */
export function lxdByHand({ lxd, lxc, exec, dir, socketPath, image }: LxdLab): EngineByHand {
  const ofNode = async <T extends { config: LxdInstance['config'] }>(what: string, node: string) =>
    (await lxd.list<T>(`/1.0/${what}?recursion=1`)).filter(
      ({ config }) => labelOf(config, LABEL_NODE) === node,
    );
  const pool = join(dir, 'storage-pools', TEST_POOL);
  const volumes = async (node: string) => {
    const found = await ofNode<LxdVolume>(`storage-pools/${TEST_POOL}/volumes/custom`, node);
    return found.map(({ name }) => name);
  };
  const removeVolume = async (name: string) => {
    await lxc('storage', 'volume', 'delete', TEST_POOL, name);
  };
  const remove = async (id: string) => {
    const isBusy = (error: Error) => {
      if (!/busy running/.test(error.message)) throw error;
      return false;
    };
    const isRemoved = () => lxc('delete', '--force', nameOf(id)).then(() => true, isBusy);
    await until(isRemoved, { timeoutMs: 20_000, what: () => `LXD to remove ${id}` });
  };

  return {
    driver: 'lxc',
    args: ['--drivers=lxc', `--lxd-socket=${socketPath}`],
    image: () => image('ready'),
    async imageWith(t, word, { path, content }) {
      const [base, name] = [await image('ready'), `image-${word}`];
      await lxc('init', base, name, '--no-profiles', '--storage', TEST_POOL);
      await lxd.call('POST', `/1.0/instances/${name}/files?path=${path}`, {
        body: Buffer.from(`${content}\n`),
      });
      await lxc('publish', name, '--alias', word, '--compression', 'none');
      await lxc('delete', name);
      t.teardown(() => lxc('image', 'delete', word));
      return word;
    },
    async look(id) {
      const found = await lxd.find<LxdInstance>(path(id));
      if (!found) return undefined;
      const { pid, status } = await lxd.get<LxdInstanceState & { status: string }>(`${path(id)}/state`);
      const { name, config, devices } = found;
      const home = Object.values(devices).find(device => device.path === '/home/dev');
      const nic = devices.eth0;
      const network = await lxd.find<LxdNetwork>(`/1.0/networks/${nic?.network}`);
      return {
        name,
        isRunning: status === 'Running',
        startedAt: pid > 0 ? startOf(pid) : '',
        pid,
        address: nic?.['ipv4.address'] ?? '',
        gateway: network?.config['ipv4.address']?.split('/')[0] ?? '',
        ...(home?.source && {
          volume: { name: home.source, folder: join(pool, 'custom', `default_${home.source}`) },
        }),
        limits: limitsOf(config),
        text: JSON.stringify(found),
      };
    },
    root: (id, command) => exec(nameOf(id), command),
    unmountHome: async id => void (await exec(nameOf(id), 'umount --lazy /home/dev')),
    stop: async id => void (await lxc('stop', '--force', nameOf(id))),
    async kill(id) {
      const { pid } = await lxd.get<LxdInstanceState>(`${path(id)}/state`);
      // Not everything that there is: what does not run has no process.
      if (pid <= 1) throw new Error(`${nameOf(id)} does not run`);
      process.kill(pid, 'SIGKILL');
    },
    remove,
    async replace(id) {
      const { name, config } = await lxd.get<LxdInstance>(path(id));
      await remove(id);
      await lxc('init', await image('ready'), name, '--no-profiles', '--storage', TEST_POOL);
      const labels = Object.entries(config).filter(([key]) => key.startsWith('user.'));
      for (const [key, value] of labels) await lxc('config', 'set', name, `${key}=${value}`);
      await lxc('config', 'set', name, 'raw.lxc=lxc.init.cmd = /bin/sleep 1000\nlxc.signal.halt = SIGKILL');
      await lxc('start', name);
    },
    hasVolume: async name =>
      (await lxd.find(`/1.0/storage-pools/${TEST_POOL}/volumes/custom/${name}`)) !== undefined,
    removeVolume,
    async removeNetwork(node) {
      for (const { name } of await ofNode<LxdNetwork>('networks', node)) await lxc('network', 'delete', name);
    },
    instances: async node => (await ofNode<LxdInstance>('instances', node)).map(({ name }) => name),
    volumes,
    async filesContain(id, text) {
      const root = join(pool, 'containers', nameOf(id), 'rootfs');
      const found = await run('grep', ['-rlF', '--devices=skip', text, root]).catch(
        (error: { code?: number }) => {
          // Nothing found.
          if (error.code === 1) return { stdout: '' };
          throw error;
        },
      );
      return found.stdout !== '';
    },
    async follow(node) {
      const told: { action: string; source: string }[] = [];
      const socket = lxd.webSocket('/1.0/events?type=lifecycle');
      socket.on('message', data => told.push(JSON.parse(String(data)).metadata));
      await once(socket, 'open');
      return {
        async end() {
          // What comes last of all is our own.
          const mark = `mark-${node}-${Date.now()}`;
          await lxc('profile', 'create', mark);
          await until(() => told.some(({ source }) => source.includes(mark)), {
            timeoutMs: 15_000,
            what: () => 'the last event',
          });
          await lxc('profile', 'delete', mark);
          socket.terminate();
          const names = (await ofNode<LxdInstance>('instances', node)).map(({ name }) => name);
          return told
            .filter(({ source }) => names.some(name => source.includes(name)))
            .map(({ action }) => action)
            .filter(action => !/^instance-(exec|file-retrieved)/.test(action));
        },
      };
    },
    async clear(node) {
      const found = await lxd.list<LxdInstance>('/1.0/instances?recursion=1');
      for (const { name, config } of found)
        if (Object.values(config).includes(node)) await remove(name).catch(ignore);
      for (const name of await volumes(node)) await removeVolume(name).catch(ignore);
      for (const { name } of await ofNode<LxdNetwork>('networks', node))
        await lxc('network', 'delete', name).catch(ignore);
      await stopEnforcing(networkName(node)).catch(ignore);
    },
  };
}
