import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { Test } from 'tap';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import { ensureTestImage } from '../images.ts';
import { slimRootfs } from '../slim-rootfs.ts';
import { until } from '../until.ts';
import { ChaosNode, type ChaosNodeOptions } from './chaos-node.ts';

interface Told {
  Action?: string;
  timeNano: number;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/** Docker of its own on a machine of its own. */
export class DockerChaosNode extends ChaosNode {
  readonly driver = 'docker';
  readonly docker: Docker;
  protected readonly engineArgs: string[];
  readonly #socket: string;

  constructor(t: Test, options: ChaosNodeOptions) {
    super(t, options);
    this.#socket = join(this.disk, 'docker.sock');
    this.docker = new Docker({ socketPath: this.#socket });
    this.engineArgs = ['--drivers=docker', `--docker-socket=${this.#socket}`];
  }

  image = () => ensureTestImage(this.docker, 'ready', slimRootfs);

  async instances() {
    const filters = { label: [LABEL_WORKSPACE_UID] };
    const found = await this.docker.listContainers({ all: true, filters });
    return found.map(({ Id, Labels, State }) => ({
      id: Id,
      uid: Labels[LABEL_WORKSPACE_UID] ?? '',
      isRunning: State === 'running',
    }));
  }

  async volumes() {
    const filters = JSON.stringify({ label: [LABEL_WORKSPACE_UID] }) as never;
    const { Volumes } = await this.docker.listVolumes({ filters });
    return (Volumes ?? []).map(({ Name, Labels }) => ({
      name: Name,
      uid: Labels?.[LABEL_WORKSPACE_UID] ?? '',
    }));
  }

  protected async startEngine(): Promise<void> {
    const [run, pidFile] = [join(this.disk, 'run'), join(this.disk, 'pid')];
    // What a boot clears.
    for (const path of [run, pidFile, this.#socket]) rmSync(path, { recursive: true, force: true });
    const { child } = await this.run([
      ...['dockerd', '--data-root', join(this.disk, 'data'), '--exec-root', run, '--pidfile', pidFile],
      ...['--host', `unix://${this.#socket}`, '--cgroup-parent', `/nexus-test/${this.name}`],
    ]);
    const answers = async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${this.log().slice(-2000)}`);
      return this.docker.ping().catch(() => undefined);
    };
    await until(answers, { timeoutMs: 40_000, what: () => `dockerd\n${this.log().slice(-2000)}` });
    await this.#follow();
  }

  async #follow(): Promise<void> {
    const filters = { event: ['start', 'die'], label: [LABEL_WORKSPACE_UID] };
    const events = (await this.docker.getEvents({ filters })) as NodeJS.ReadableStream;
    let rest = '';
    // It ends with the machine's power.
    events.on('error', () => {});
    events.on('data', chunk => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter(one => one.trim() !== '')) {
        const { Action, timeNano, Actor } = JSON.parse(line) as Told;
        const { ID = '', Attributes } = Actor ?? {};
        const uid = Attributes?.[LABEL_WORKSPACE_UID] ?? '';
        if (Action === 'start') this.history.started(this.name, uid, ID, timeNano / 1e6);
        else this.history.ended(this.name, ID, timeNano / 1e6);
      }
    });
    const now = Date.now();
    for (const { id, uid, isRunning } of await this.instances())
      if (isRunning) this.history.started(this.name, uid, id, now);
  }
}
