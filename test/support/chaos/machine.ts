import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { until } from '../until.ts';

const run = promisify(execFile);

/** Port of the gateway, as every machine reaches it at its own end of its own wire. */
export const GATEWAY_PORT = 3022;

/** With a /sys of its own network, and the control groups of this machine. */
const BOOT = `
mount -t tmpfs none /mnt && mkdir /mnt/cgroup && mount --rbind /sys/fs/cgroup /mnt/cgroup
mount -t sysfs sysfs /sys && mount --rbind /mnt/cgroup /sys/fs/cgroup
ip link set lo up
echo up
exec sleep infinity
`;

/** To the machine: what the node says does not arrive; from it: it is not answered. */
export type Cut = 'towards' | 'from' | 'both';

/** Names of network namespaces that nobody else sees; see runInOwnNetwork. */
export async function ownNamespaces(): Promise<void> {
  await run('mkdir', ['-p', '/run/netns']);
  await run('mount', ['-t', 'tmpfs', 'nexus-netns', '/run/netns']);
}

/**
 * A machine with network, processes and mounts of its own, and a wire to this process's network. Its power is pulled by
 * `powerOff`: everything that ran on it is gone at once; what is on its disk stays. It goes with the test.
 */
export class Machine {
  readonly name: string;
  /** Of the machine, and of the other end of its wire, where this process has its gateway. */
  readonly address: string;
  readonly gatewayAddress: string;
  readonly #wire: string;
  #init: ChildProcess | undefined;
  #pid = 0;

  constructor(t: Test, name: string, number: number) {
    this.name = name;
    this.address = `10.77.${number}.2`;
    this.gatewayAddress = `10.77.${number}.1`;
    this.#wire = `wire${number}`;
    t.teardown(() => this.powerOff());
  }

  get isOn(): boolean {
    return this.#init !== undefined;
  }

  async powerOn(): Promise<void> {
    // A process of its own is the first one, with which all others end; and it ends with this one.
    const args = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', BOOT];
    const init = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#init = init;
    await Promise.race([
      once(init.stdout, 'data'),
      once(init, 'exit').then(([code]) => Promise.reject(new Error(`${this.name} did not start: ${code}`))),
    ]);
    this.#pid = childOf(init.pid ?? 0);
    const here = (...words: string[]) => run('ip', words);
    await here('netns', 'attach', this.name, String(this.#pid));
    await here('link', 'add', this.#wire, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name);
    await here('addr', 'add', `${this.gatewayAddress}/24`, 'dev', this.#wire);
    await here('link', 'set', this.#wire, 'up');
    const there = (...words: string[]) => run('ip', ['-n', this.name, ...words]);
    await there('addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    await there('link', 'set', 'eth0', 'up');
  }

  async powerOff(): Promise<void> {
    const init = this.#init;
    if (!init) return;
    this.#init = undefined;
    const ended = once(init, 'exit');
    process.kill(this.#pid, 'SIGKILL');
    await ended;
    await run('ip', ['link', 'delete', this.#wire]).catch(() => {});
    await run('ip', ['netns', 'delete', this.name]);
    // Its network goes when its last process has.
    await until(() => !hasDevice(this.#wire), { timeoutMs: 10_000, what: () => `${this.#wire} to be gone` });
  }

  /** Runs a program on it; resolves to it and its id, as this process sees it, once it runs. */
  async start(command: string[], options: SpawnOptions): Promise<{ child: ChildProcess; pid: number }> {
    const enter = ['-t', String(this.#pid), '--net', '--mount', '--pid'];
    const child = spawn('nsenter', [...enter, ...command], options);
    const pid = await until(() => child.exitCode === null && childOf(child.pid ?? 0), {
      timeoutMs: 10_000,
      everyMs: 5,
      what: () => `${command[0]} to start on ${this.name}`,
    });
    return { child, pid };
  }

  /** Packets between the node's agent and its gateway vanish; others, as those of a session, do not. */
  async cut(how: Cut): Promise<() => Promise<void>> {
    const port = String(GATEWAY_PORT);
    const rules = {
      towards: [['INPUT', '-i', this.#wire, '-p', 'tcp', '--dport', port, '-j', 'DROP']],
      from: [['OUTPUT', '-o', this.#wire, '-p', 'tcp', '--sport', port, '-j', 'DROP']],
    };
    return this.#filter(how === 'both' ? [...rules.towards, ...rules.from] : rules[how]);
  }

  /** Of all packets, both ways. */
  async lose(share: number): Promise<() => Promise<void>> {
    const some = ['-m', 'statistic', '--mode', 'random', '--probability', String(share), '-j', 'DROP'];
    return this.#filter([
      ['INPUT', '-i', this.#wire, ...some],
      ['OUTPUT', '-o', this.#wire, ...some],
    ]);
  }

  async #filter(rules: string[][]): Promise<() => Promise<void>> {
    for (const rule of rules) await run('iptables', ['-w', '-A', ...rule]);
    return async () => {
      for (const rule of rules) await run('iptables', ['-w', '-D', ...rule]);
    };
  }
}

function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
  } catch {
    return 0;
  }
}

function hasDevice(name: string): boolean {
  return readFileSync('/proc/self/net/dev', 'utf8').includes(`${name}:`);
}
