import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { Client } from '../../controller/client/client.ts';
import { connect } from '../../controller/client/connect.ts';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { dockerByHand } from './docker-by-hand.ts';
import type { EngineByHand } from './engine-by-hand.ts';
import { freePorts, type NodePorts, nodePorts } from './ports.ts';
import { MAIN } from './program.ts';
import { type CliOptions, type CliResult, cli } from './run-cli.ts';
import { layServerTls } from './server-tls.ts';
import { lastLines } from './tell-when-failed.ts';
import { within } from './until.ts';
import { untilObject } from './until-object.ts';

export interface NexusUp {
  home: string;
  node: string;
  kubeconfig: string;
  client: Client;
  /** The node's ranges, its own. */
  ports: NodePorts;
  /** Runs a command line against it. */
  cli(args: string[], options?: CliOptions): Promise<CliResult>;
  apply(yaml: string, ...args: string[]): Promise<CliResult>;
  workspace(name: string): Promise<Workspace>;
  /** Resolves when `test` holds of the workspace, followed by watch; rejects with what it was last. */
  untilWorkspace(
    name: string,
    what: string,
    test: (workspace: Workspace) => boolean,
    timeoutMs?: number,
  ): Promise<Workspace>;
  /** Process ids of the server and the agent now. */
  pids(): { server?: number; agent?: number };
  log(): string;
  /** Stops both gracefully; state stays. */
  stop(): Promise<number | null>;
  /** SIGKILL to all of it at once. */
  kill(): Promise<void>;
  /** Starts again what was stopped or killed. */
  start(): Promise<void>;
  /** Stops, and removes state and everything on the engine. */
  destroy(): Promise<void>;
}

export interface NexusUpOptions {
  /** Flags of `nexus up`. */
  args?: string[];
  /** Defaults to Docker at its usual place. */
  engine?: Pick<EngineByHand, 'args' | 'clear'>;
}

const DOCKER = { socketPath: '/var/run/docker.sock' };

let instances = 0;

/** `nexus up` as a process of its own, with a home of its own and a node of its own on the engine. */
export async function nexusUp(options: NexusUpOptions = {}): Promise<NexusUp> {
  const home = mkdtempSync(join(tmpdir(), 'nexus-up-'));
  await layServerTls(home);
  const node = `t${process.pid}-${instances++}`;
  const [port] = await freePorts(1);
  const listen = `127.0.0.1:${port}`;
  const kubeconfig = join(home, 'kubeconfig');
  const logFile = join(home, 'up.log');
  const engine = options.engine ?? dockerByHand({ docker: new Docker(DOCKER), ...DOCKER });
  const env = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOME: home,
    NEXUS_HOME: home,
  };
  let child: ChildProcess | undefined;
  let exited: Promise<number | null> = Promise.resolve(null);

  const start = async () => {
    const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
    const args = [
      'up',
      `--listen=${listen}`,
      '--gateway-listen=127.0.0.1:0',
      `--local-node=${node}`,
      ...engine.args,
      '--log-level=debug',
      ...(options.args ?? []),
    ];
    // Its coverage is not measured, which would make a start cost a quarter more.
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child = started;
    started.stdout?.pipe(log);
    started.stderr?.pipe(log);
    exited = new Promise(resolve => started.once('exit', code => resolve(code)));
    const serves = new Promise<void>((resolve, reject) => {
      started.once('message', () => resolve());
      void exited.then(code => reject(new Error(`nexus up exited with ${code}:\n${told()}`)));
    });
    await within(serves, { timeoutMs: 60_000, what: () => `nexus up to serve\n${told()}` });
  };
  const told = () => lastLines(readFileSync(logFile, 'utf8'), 30);
  const stop = async () => {
    child?.kill('SIGTERM');
    try {
      return await within(exited, { timeoutMs: 60_000, what: () => `nexus up to end\n${told()}` });
    } catch (error) {
      await up.kill();
      throw error;
    }
  };

  // What does not come up is ended, or its test would never be.
  try {
    await start();
  } catch (error) {
    child?.kill('SIGKILL');
    throw error;
  }
  const { client } = await connect({ file: kubeconfig });
  const key = (name: string) => ({ name, namespace: 'default' });
  const ports = nodePorts();
  const up: NexusUp = {
    home,
    node,
    kubeconfig,
    client,
    ports,
    cli: (args, o = {}) => cli(args, { ...o, env: { HOME: home, NEXUS_HOME: home, ...o.env } }),
    apply: (yaml, ...args) => up.cli(['apply', '-f', '-', ...args], { stdin: yaml }),
    workspace: name => client.get(WORKSPACE, key(name)),
    async untilWorkspace(name, what, test, timeoutMs = 60_000) {
      return untilObject(client, WORKSPACE, key(name), {
        look: workspace => workspace && test(workspace) && workspace,
        timeoutMs,
        what: last => `workspace ${name}: ${what}; it is ${JSON.stringify(last?.status, null, 1)}`,
      });
    },
    pids() {
      const parent = child?.pid;
      if (!parent) return {};
      const pids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number);
      const running = (command: string) => pids.find(pid => argumentsOf(pid).includes(command));
      return { server: running('controller'), agent: running('agent') };
    },
    log: () => readFileSync(logFile, 'utf8'),
    stop,
    async kill() {
      const { server, agent } = up.pids();
      // The parent first: it would start them again.
      for (const pid of [child?.pid, server, agent]) if (pid) process.kill(pid, 'SIGKILL');
      await exited;
    },
    start,
    async destroy() {
      await client.close();
      await stop();
      await engine.clear(node);
      rmSync(home, { recursive: true, force: true });
    },
  };
  await untilObject(
    client,
    NODE,
    { name: node },
    {
      look: found => found?.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'),
      timeoutMs: 30_000,
      what: () => `node ${node} to be ready\n${told()}`,
    },
  ).catch(async error => {
    await up.destroy();
    throw error;
  });
  await client.patch(NODE, { name: node }, 'merge', { spec: { ports } });
  return up;
}

/** None of a process that has ended since it was listed. */
function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
