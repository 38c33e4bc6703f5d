import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { LxdClient } from '../../../agent/drivers/lxc/api/lxd-client.ts';
import type { LxdInstance, LxdVolume } from '../../../agent/drivers/lxc/api/types.ts';
import { labelOf } from '../../../agent/drivers/lxc/names.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import { giveImage } from '../lxd-images.ts';
import { makePool, TEST_POOL } from '../lxd-lab.ts';
import { until } from '../until.ts';
import { ChaosNode, type ChaosNodeOptions } from './chaos-node.ts';

interface Told {
  timestamp?: string;
  metadata?: { action?: string; source?: string };
}

/** LXD on a machine of its own. */
export class LxdChaosNode extends ChaosNode {
  readonly driver = 'lxc';
  readonly lxd: LxdClient;
  protected readonly engineArgs: string[];
  readonly #dir: string;
  #image: Promise<string> | undefined;

  constructor(t: Test, options: ChaosNodeOptions) {
    super(t, options);
    this.#dir = join(this.disk, 'lxd');
    const socket = join(this.#dir, 'unix.socket');
    this.lxd = new LxdClient(socket);
    t.teardown(() => this.lxd.close());
    this.engineArgs = ['--drivers=lxc', `--lxd-socket=${socket}`];
  }

  image(): Promise<string> {
    this.#image ??= makePool(this.lxd).then(() => giveImage(this.lxd, 'ready'));
    return this.#image;
  }

  async instances() {
    const found = await this.lxd.list<LxdInstance>('/1.0/instances?recursion=1');
    return found.map(({ config, name, status }) => ({
      id: name,
      uid: labelOf(config, LABEL_WORKSPACE_UID) ?? '',
      isRunning: status === 'Running',
    }));
  }

  async volumes() {
    const path = `/1.0/storage-pools/${TEST_POOL}/volumes/custom?recursion=1`;
    const found = await this.lxd.list<LxdVolume>(path);
    return found.map(({ name, config }) => ({ name, uid: labelOf(config, LABEL_WORKSPACE_UID) ?? '' }));
  }

  protected async startEngine(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o711 });
    const { child } = await this.run(['lxd', '--group', 'root'], { LXD_DIR: this.#dir });
    const answers = async () => {
      if (child.exitCode !== null) throw new Error(`lxd ended: ${this.log().slice(-2000)}`);
      return this.lxd.get('/1.0').catch(() => undefined);
    };
    await until(answers, { timeoutMs: 40_000, what: () => `LXD\n${this.log().slice(-2000)}` });
    await this.#follow();
  }

  async #follow(): Promise<void> {
    const socket = this.lxd.webSocket('/1.0/events?type=lifecycle');
    // It ends with the machine's power.
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      const { timestamp = '', metadata } = JSON.parse(data.toString()) as Told;
      const name = decodeURIComponent(metadata?.source?.split('?')[0]?.split('/').at(-1) ?? '');
      if (!name.startsWith('nexus-') || name.startsWith('nexus-helper-')) return;
      if (metadata?.action === 'instance-started')
        this.history.started(this.name, digestOf(name), name, Date.parse(timestamp));
      if (['instance-stopped', 'instance-shutdown'].includes(metadata?.action ?? ''))
        this.history.ended(this.name, name, Date.parse(timestamp));
    });
    await once(socket, 'open');
    const now = Date.now();
    for (const { id, isRunning } of await this.instances())
      if (isRunning) this.history.started(this.name, digestOf(id), id, now);
  }
}

/** Events bear no labels; the name of an instance ends in a digest of its workspace's uid. */
const digestOf = (name: string) => name.split('-').at(-1) ?? '';
