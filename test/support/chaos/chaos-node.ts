import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type { DriverName } from '../../../agent/driver.ts';
import { MAIN } from '../program.ts';
import type { History } from './history.ts';
import { GATEWAY_PORT, Machine } from './machine.ts';

const run = promisify(execFile);

/** So that a move takes seconds; see docs/nodes.md. */
export const FENCE_MS = 10_000;
const AGENT_ARGS = ['--heartbeat=1s', `--fence-time=${FENCE_MS}ms`, '--resync=10s'];

export interface ChaosNodeOptions {
  name: string;
  /** From 1; of its network. */
  number: number;
  history: History;
}

/** A node of the fleet: a machine with an engine and an agent. What is on its disk outlives its power. */
export abstract class ChaosNode {
  abstract readonly driver: DriverName;
  readonly name: string;
  readonly machine: Machine;
  /** Its disk; in memory, as much of it is written. */
  readonly disk: string;
  readonly home: string;
  protected readonly history: History;
  #agent: { child: ChildProcess; pid: number } | undefined;

  protected constructor(t: Test, { name, number, history }: ChaosNodeOptions) {
    this.name = name;
    this.history = history;
    this.disk = mkdtempSync(join(tmpdir(), `nexus-${name}-`));
    this.home = join(this.disk, 'nexus');
    t.teardown(async () => {
      await run('umount', ['--lazy', this.disk]).catch(() => {});
      rmSync(this.disk, { recursive: true });
    });
    this.machine = new Machine(t, name, number);
  }

  /** Once, before its power. */
  async format(): Promise<void> {
    // Users of containers pass through it.
    await run('mount', ['-t', 'tmpfs', '-o', 'mode=0711', 'nexus-disk', this.disk]);
  }

  /** Flags of the agent for the engine. */
  protected abstract readonly engineArgs: string[];
  /** Resolves when it answers. */
  protected abstract startEngine(): Promise<void>;
  /** Reference of the image of its workspaces, which is there. */
  abstract image(): Promise<string>;
  /** Uids of the workspaces whose instances run, and of all that have one; one that has two twice. */
  abstract instances(): Promise<{ id: string; uid: string; isRunning: boolean }[]>;
  abstract volumes(): Promise<{ name: string; uid: string }[]>;

  /** Power, engine, and the agent where it has joined. */
  async powerOn(): Promise<void> {
    await this.machine.powerOn();
    await this.startEngine();
  }

  async powerOff(): Promise<void> {
    this.#agent = undefined;
    await this.machine.powerOff();
    this.history.allEnded(this.name, Date.now());
  }

  /** With the words that `nexus node token create` printed. `cli` runs here: the gateway is reached by the same address. */
  async join(
    words: string[],
    cli: (args: string[], env: Record<string, string>) => Promise<void>,
  ): Promise<void> {
    const [agent = '', join = '', , ...token] = words;
    const server = `${this.machine.gatewayAddress}:${GATEWAY_PORT}`;
    const args = [...this.engineArgs, `--address=${this.machine.address}`, ...AGENT_ARGS];
    await cli([agent, join, server, ...token, ...args], { HOME: this.home, NEXUS_HOME: this.home });
  }

  async startAgent(): Promise<void> {
    this.#agent = await this.run([process.execPath, '--disable-warning=ExperimentalWarning', MAIN, 'agent']);
  }

  /** SIGKILL. */
  async killAgent(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    if (agent) await end(agent, 'SIGKILL');
  }

  log(): string {
    return readFileSync(join(this.disk, 'log'), 'utf8');
  }

  /** A program on the machine, which writes to its log and may speak over IPC. */
  protected async run(command: string[], env: Record<string, string> = {}) {
    const file = createWriteStream(join(this.disk, 'log'), { flags: 'a', mode: 0o600 });
    await once(file, 'open');
    return this.machine.start(command, {
      env: { PATH: process.env.PATH, HOME: this.home, NEXUS_HOME: this.home, ...env },
      stdio: ['ignore', file, file, 'ipc'],
    });
  }
}

export async function end(
  { child, pid }: { child: ChildProcess; pid: number },
  signal: NodeJS.Signals,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(pid, signal);
  await ended;
}
