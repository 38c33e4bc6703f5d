/**
 * Makes a Git repository of `repo/` and serves it with `git daemon`, read-only.
 *
 * `node examples/01-hello/serve.ts [--listen ADDRESS] [--port 9418]`
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const GIT_PORT = 9418;
const START_TIMEOUT_MS = 10_000;

export interface ServedRepository {
  port: number;
  /** Ends the server and removes what was made for it. */
  stop(): Promise<void>;
}

/** Dates and names are fixed, so that the same files are the same commit each time. */
const identity = {
  GIT_AUTHOR_NAME: 'Nexus',
  GIT_AUTHOR_EMAIL: 'hello@nexus.dev',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Nexus',
  GIT_COMMITTER_EMAIL: 'hello@nexus.dev',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

function makeRepository(base: string): void {
  const work = join(base, 'work');
  mkdirSync(work);
  cpSync(fileURLToPath(new URL('repo', import.meta.url)), work, { recursive: true });
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', args, {
      cwd,
      env: { ...process.env, ...identity },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  git(work, 'init', '-q', '-b', 'main');
  git(work, 'add', '.');
  git(work, 'commit', '-q', '-m', 'Hello');
  mkdirSync(join(base, 'served'));
  git(base, 'clone', '-q', '--bare', work, join(base, 'served', 'hello.git'));
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function listening(child: ChildProcess, host: string, port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if ((await accepts(host, port)) && child.exitCode === null) return;
    await sleep(50);
  }
  throw new Error(`git daemon does not listen on ${host}:${port}; is the port taken?`);
}

/** The port itself, or undefined when it is taken. Of 0, one that is free. */
async function freePort(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  const { port: free } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return free;
}

export interface ServeOptions {
  /** Address to listen on. */
  listen: string;
  port: number;
  /** Whether another port will do where that one is taken. */
  orAnother?: boolean;
}

/** Resolves when it accepts connections; git://ADDRESS:PORT/hello.git is then there to clone. */
export async function serveRepository({ listen, ...wanted }: ServeOptions): Promise<ServedRepository> {
  const port =
    (await freePort(listen, wanted.port)) ?? (wanted.orAnother ? await freePort(listen, 0) : undefined);
  if (port === undefined)
    throw new Error(
      `port ${wanted.port} on ${listen} is taken; end what listens there, or name another with --port.`,
    );
  const base = mkdtempSync(join(tmpdir(), 'nexus-hello-'));
  makeRepository(base);
  const served = join(base, 'served');
  const args = [
    'daemon',
    `--base-path=${served}`,
    '--export-all',
    '--reuseaddr',
    `--listen=${listen}`,
    `--port=${port}`,
    served,
  ];
  const child = spawn('git', args, { stdio: 'ignore' });
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    if (existsSync(base)) rmSync(base, { recursive: true, force: true });
  };
  try {
    await listening(child, listen, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: String(GIT_PORT) },
    },
  });
  const served = await serveRepository({ listen: values.listen, port: Number(values.port) });
  console.log(`serving git://${values.listen}:${values.port}/hello.git; Ctrl-C ends it`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void served.stop().then(() => process.exit(0)));
}
