import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ChaosNode, type ChaosNodeOptions } from './chaos-node.ts';
import type { MachineState, MachineTold } from './memory-machine.ts';

const MACHINE = fileURLToPath(new URL('./memory-machine.ts', import.meta.url));

/** The in-memory engine, and the agent beside it, in a process of the machine. A reboot is told, as the engine is its disk. */
export class MemoryChaosNode extends ChaosNode {
  readonly driver = 'memory';
  protected readonly engineArgs = ['--drivers=memory'];
  #process: ChildProcess | undefined;

  constructor(t: Test, options: ChaosNodeOptions) {
    super(t, options);
  }

  image = async () => 'debian:12';

  async instances() {
    return (await this.#ask()).instances;
  }

  async volumes() {
    return (await this.#ask()).volumes;
  }

  override async startAgent(): Promise<void> {
    this.#process?.send('start');
  }

  override async killAgent(): Promise<void> {
    await this.#tell('stop');
  }

  /** Its engine stays, and tells that all that ran has ended. */
  override async powerOff(): Promise<void> {
    await this.#tell('stop');
    await this.#tell('power off');
  }

  override async powerOn(): Promise<void> {
    if (!this.machine.isOn) await super.powerOn();
    await this.#tell('power on');
  }

  protected async startEngine(): Promise<void> {
    const { child } = await this.run([process.execPath, MACHINE, this.home, this.name, this.machine.address]);
    this.#process = child;
    child.on('message', (told: MachineTold) => {
      if (told.type === 'started') this.history.started(this.name, told.uid, told.id, told.at);
      else if (told.type === 'ended') this.history.ended(this.name, told.id, told.at);
    });
    await this.#tell('look');
  }

  async #ask(): Promise<MachineState> {
    return (await this.#tell('look')) as MachineState;
  }

  async #tell(what: string): Promise<unknown> {
    const child = this.#process;
    if (!child) throw new Error(`${this.name} is off`);
    const answered = new Promise(resolve => {
      const hear = (told: MachineTold) => {
        if (told.type !== 'answer') return;
        child.off('message', hear);
        resolve(told.state);
      };
      child.on('message', hear);
    });
    child.send(what);
    return answered;
  }
}
