import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { MAIN } from '../program.ts';
import { type CliOptions, type CliResult, cli } from '../run-cli.ts';

export const INNER_GATEWAY_PORT = 13_022;
const LISTEN = '127.0.0.1:3001';

/** `nexus controller` as a process that can be killed, in a network of the test's own. */
export class ControllerProcess {
  readonly home: string;
  #child: ChildProcess | undefined;

  constructor(t: Test) {
    this.home = mkdtempSync(join(tmpdir(), 'nexus-controller-'));
    t.teardown(async () => {
      await this.kill();
      rmSync(this.home, { recursive: true });
    });
  }

  get kubeconfig(): string {
    return join(this.home, 'kubeconfig');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it is at work. */
  async start(): Promise<void> {
    const file = openSync(join(this.home, 'log'), 'a', 0o600);
    const args = [
      ...['controller', `--listen=${LISTEN}`, `--gateway-listen=127.0.0.1:${INNER_GATEWAY_PORT}`],
      // Of no machine: what an agent was told when it joined is what it reaches.
      ...['--gateway-address=10.77.0.1:3022', '--node-grace=8s'],
    ];
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...args];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      env: { PATH: process.env.PATH, HOME: this.home, NEXUS_HOME: this.home },
      stdio: ['ignore', file, file, 'ipc'],
    });
    closeSync(file);
    this.#child = child;
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`the controller exited with ${code}: ${this.log().slice(-3000)}`);
    });
    gone.catch(() => {});
    await Promise.race([once(child, 'message'), gone]);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  log(): string {
    return readFileSync(join(this.home, 'log'), 'utf8');
  }

  /** A command line against it; throws when it fails. */
  async cli(args: string[], options: CliOptions = {}): Promise<CliResult> {
    const env = { HOME: this.home, NEXUS_HOME: this.home, ...options.env };
    const result = await cli(args, { ...options, env });
    if (result.code !== 0) throw new Error(`nexus ${args.join(' ')}: ${result.stderr}`);
    return result;
  }
}
