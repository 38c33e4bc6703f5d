import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { runAgent } from '../../agent/main.ts';
import { writeKubeconfig } from '../../controller/client/write-kubeconfig.ts';
import type { AgentLab } from './agent-lab.ts';
import { within } from './until.ts';

const self = fileURLToPath(import.meta.url);

/** An agent in a process of its own, that can be killed. */
export interface AgentProcess {
  readonly process: ChildProcess;
  /** Resolves when it is at work. */
  readonly ready: Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

/** Starts one over real HTTP; it ends with the test at the latest. */
export async function startAgentProcess(
  t: Test,
  lab: AgentLab,
  options: { home: string; dockerSocket: string },
): Promise<AgentProcess> {
  const { url, token } = await lab.serve();
  const kubeconfig = join(options.home, 'agent', 'kubeconfig');
  await writeKubeconfig(kubeconfig, {
    name: 'lab',
    cluster: { server: url },
    user: { token },
    current: true,
  });
  const env = {
    ...process.env,
    AGENT_OPTIONS: JSON.stringify({ nodeName: lab.node, kubeconfig, ...options }),
  };
  const child = spawn(process.execPath, [self], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
  };
  t.teardown(kill);
  const said = once(child, 'message').then(() => {});
  const over = ended.then(([code, signal]) => {
    throw new Error(`the agent ended with ${code ?? signal} before it was at work`);
  });
  const ready = within(Promise.race([said, over]), {
    timeoutMs: 60_000,
    what: () => 'an agent to be at work',
  });
  over.catch(() => {});
  ready.catch(() => {});
  return { process: child, ready, kill };
}

if (process.argv[1] === self && process.env.AGENT_OPTIONS) {
  const abort = new AbortController();
  process.once('SIGTERM', () => abort.abort());
  process.once('disconnect', () => abort.abort());
  const options = JSON.parse(process.env.AGENT_OPTIONS);
  await runAgent(
    { ...options, drivers: ['docker'], logLevel: 'error', onReady: () => process.send?.('ready') },
    abort.signal,
  );
  process.exit(0);
}
