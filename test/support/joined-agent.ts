import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { NODE } from '../../crds/kinds.ts';
import type { EngineByHand } from './engine-by-hand.ts';
import { nodePorts } from './ports.ts';
import { MAIN } from './program.ts';
import { tellWhenFailed } from './tell-when-failed.ts';
import { untilObject } from './until-object.ts';
import type { UpLab } from './up-lab.ts';

export interface JoinedAgent {
  name: string;
  process: ChildProcess;
  log(): string;
}

/**
 * A second node beside that of `lab`, on another engine: its agent is a process of its own, joined by the command line, and
 * reaches the server by the gateway alone. Everything of it is removed with `t`. Resolves when the Node is Ready.
 */
export async function joinedAgent(
  t: Test,
  lab: UpLab,
  { engine, args = [] }: { engine: EngineByHand; args?: string[] },
): Promise<JoinedAgent> {
  const { up } = lab;
  const name = `${up.node}-b`;
  const home = mkdtempSync(join(tmpdir(), 'nexus-b-'));
  t.teardown(async () => {
    await engine.clear(name);
    rmSync(home, { recursive: true, force: true });
  });
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, HOME: home, NEXUS_HOME: home };
  const { stdout } = await up.cli(['node', 'token', 'create', '--node', name]);
  const joined = await up.cli([...stdout.trim().split(' ').slice(1), ...engine.args, ...args], {
    env,
  });
  if (joined.code !== 0) throw new Error(`${name} could not join: ${joined.stderr}`);
  await up.client.patch(NODE, { name }, 'merge', { spec: { ports: nodePorts() } });

  const logFile = join(home, 'log');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'agent'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const file = createWriteStream(logFile, { mode: 0o600 });
  child.stdout.pipe(file);
  child.stderr.pipe(file);
  t.teardown(async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  });
  const log = () => readFileSync(logFile, 'utf8');
  tellWhenFailed(t, () => ({ logs: { [`agent of ${name}`]: log } }));
  await untilObject(
    up.client,
    NODE,
    { name },
    {
      look: node => node?.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'),
      timeoutMs: 30_000,
      what: () => `node ${name} to be ready\n${log().slice(-3000)}`,
    },
  );
  return { name, process: child, log };
}
