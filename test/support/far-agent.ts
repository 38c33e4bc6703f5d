import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type AgentOptions, runAgent } from '../../agent/main.ts';
import type { LocalServer } from './local-server.ts';
import { recordingLogger } from './recording-logger.ts';
import { tellWhenFailed } from './tell-when-failed.ts';
import { within } from './until.ts';

/**
 * A further machine: joined by `nexus node token` and `nexus agent join`, its agent in this process with the in-memory
 * driver, over the gateway. Resolves when the agent is at work; ends with `t`.
 */
export async function farAgent(
  t: Test,
  server: LocalServer,
  name: string,
  options: Partial<AgentOptions> = {},
) {
  const home = mkdtempSync(join(tmpdir(), 'nexus-far-'));
  const far = (args: string[]) => server.cli(args, { env: { HOME: home, NEXUS_HOME: home } });
  const { stdout } = await server.cli(['node', 'token', 'create', '--node', name]);
  const joined = await far([...stdout.trim().split(' ').slice(1), '--drivers', 'memory']);
  if (joined.code !== 0) throw new Error(`${name} could not join: ${joined.stderr}`);
  const { log, lines } = recordingLogger();
  const abort = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = runAgent(
    { home, drivers: ['memory'], log, onReady: ready.resolve, ...options },
    abort.signal,
  );
  ended.catch(ready.reject);
  const stop = async () => {
    abort.abort();
    await ended;
  };
  t.teardown(async () => {
    await stop();
    rmSync(home, { recursive: true, force: true });
  });
  tellWhenFailed(t, () => ({ logs: { [`agent of ${name}`]: () => lines.join('\n') } }));
  await within(ready.promise, { timeoutMs: 60_000, what: () => `the agent of ${name} to be at work` });
  return { home, lines, stop };
}
