import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { NexusUp } from './nexus-up.ts';
import { MAIN } from './program.ts';

/**
 * The agent of a `nexus up` that does not run, without its server: a node that was started while that is away. The result
 * stops it; it goes with the test.
 */
export async function agentAlone(
  t: Test,
  { home, node }: NexusUp,
  engineArgs: readonly string[],
): Promise<() => Promise<void>> {
  const log = createWriteStream(join(home, 'up.log'), { flags: 'a', mode: 0o600 });
  await once(log, 'open');
  const args = ['agent', `--kubeconfig=${join(home, 'agent', 'kubeconfig')}`, `--node-name=${node}`];
  const program = ['--disable-warning=ExperimentalWarning', MAIN];
  const agent = spawn(process.execPath, [...program, ...args, ...engineArgs], {
    env: { PATH: process.env.PATH, HOME: home, NEXUS_HOME: home },
    stdio: ['ignore', log, log],
  });
  const ended = once(agent, 'exit');
  const stop = async () => {
    agent.kill('SIGTERM');
    await ended;
  };
  t.teardown(stop);
  return stop;
}
