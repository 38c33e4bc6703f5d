import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { LxdClient } from '../../../agent/drivers/lxc/api/lxd-client.ts';
import type { LxdInstance, LxdVolume } from '../../../agent/drivers/lxc/api/types.ts';
import { labelOf } from '../../../agent/drivers/lxc/names.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import { giveImage, makePool, TEST_POOL } from '../lxd-lab.ts';
import { until } from '../until.ts';
import { ChaosNode, type ChaosNodeOptions } from './chaos-node.ts';

/** LXD on a machine of its own. Nothing can be moved to or from it: it has no part in the history. */
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
    return found.map(({ config, status }) => ({
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
  }
}
