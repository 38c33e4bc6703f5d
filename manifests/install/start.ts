/**
 * `npm start`: engine, image, server and agent, and examples/01-hello on them; then how to connect. Stays in the
 * foreground; Ctrl-C stops server and agent and leaves workspaces as they are.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, setPriority } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import { isOwnAddress } from '../../agent/drivers/network/host-network.ts';
import { DEFAULT_IMAGE, DEFAULT_LXC_IMAGE } from '../../controller/options.ts';
import { GIT_PORT, type ServedRepository, serveRepository } from '../../examples/01-hello/serve.ts';
import { ensureWorkspaceImage } from '../image/build.ts';
import { lxdSocket } from '../image/build-lxc.ts';
import { type Engine, ensureEngine } from './engine.ts';
import { hasProgram } from './packages.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'cli', 'main.ts');
const NEXUS = join(ROOT, 'cli', 'nexus');
const EXAMPLE = join(ROOT, 'examples', '01-hello');
const BUILD = join(ROOT, 'manifests', 'release', 'build.ts');
/** Where the example's workspace is told to clone from, on port 9418. */
const GIT_URL = 'git://node.nexus.internal/hello.git';
const READY_TIMEOUT_MS = 60_000;
const HELLO_TIMEOUT = '5m';
/** Lines of the log that tell why a start failed. */
const LAST_WORDS = 4;

const say = (line = '') => console.log(line);

/** The address at which workspaces find this machine under the name node.nexus.internal. */
async function gatewayOf(docker: Docker): Promise<string> {
  const network = await docker
    .getNetwork('bridge')
    .inspect()
    .catch(() => undefined);
  const gateway = network?.IPAM?.Config?.[0]?.Gateway as string | undefined;
  // Podman's bridges come with their first container, so there is no address to listen on yet.
  return gateway && (await isOwnAddress(gateway)) ? gateway : '0.0.0.0';
}

interface Up {
  child: ChildProcess;
  ready: Promise<void>;
  exited: Promise<number>;
}

function startUp(engine: Engine, gitPort: number, logFile: string): Up {
  const log = openSync(logFile, 'a', 0o600);
  const { size: begun } = fstatSync(log);
  const failed = (how: string) =>
    new Error(`server and agent ${how}${lastWords(logFile, begun)}\ntheir log: ${logFile}`);
  const args = ['up', `--docker-socket=${engine.socket}`, `--allow-host-port=${gitPort}`];
  // Its own process group, so that Ctrl-C reaches it once, through this process, in the right order.
  const child = fork(CLI, args, { stdio: ['ignore', log, log, 'ipc'], detached: true });
  const exited = new Promise<number>(resolve => child.once('exit', code => resolve(code ?? 1)));
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(failed(`were not ready within ${READY_TIMEOUT_MS / 1000} s`)),
      READY_TIMEOUT_MS,
    );
    const tellEnd = (code: number | null) => {
      clearTimeout(timer);
      reject(failed(`exited with ${code}`));
    };
    child.once('exit', tellEnd);
    child.once('message', () => {
      clearTimeout(timer);
      child.off('exit', tellEnd);
      resolve();
    });
  });
  ready.catch(() => {});
  return { child, ready, exited };
}

/** The last lines that people can read of what was written to the log from that byte on. */
function lastWords(logFile: string, from: number): string {
  const lines = readFileSync(logFile).subarray(from).toString('utf8').trim().split('\n');
  const words = lines.filter(line => line !== '' && !line.startsWith('{')).slice(-LAST_WORDS);
  return words.length > 0 ? `:\n  ${words.join('\n  ')}` : '';
}

function applyExample(gitPort: number): Promise<number> {
  const url = gitPort === GIT_PORT ? GIT_URL : GIT_URL.replace('/hello.git', `:${gitPort}/hello.git`);
  const manifest = readFileSync(join(EXAMPLE, 'workspace.yaml'), 'utf8').replace(GIT_URL, url);
  return new Promise((resolve, reject) => {
    const child = spawn(NEXUS, ['apply', '-f', '-', '--wait', '--timeout', HELLO_TIMEOUT], {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', code => resolve(code ?? 1));
    child.stdin.on('error', () => {}).end(manifest);
  });
}

/** That of an earlier start if it is free, since the workspace knows the repository by it. */
async function serveExample(docker: Docker, home: string): Promise<ServedRepository> {
  const file = join(home, 'hello-git-port');
  const before = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  const listen = await gatewayOf(docker);
  const git = await serveRepository({ listen, port: before || GIT_PORT, orAnother: true });
  if (git.port !== GIT_PORT) say(`example's Git     port ${git.port}, since ${GIT_PORT} was taken`);
  writeFileSync(file, `${git.port}\n`);
  return git;
}

function nexusOutput(...args: string[]): Promise<string> {
  return new Promise(resolve => {
    const child = spawn(NEXUS, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', chunk => {
      text += chunk;
    });
    child.once('close', () => resolve(text));
  });
}

/**
 * Bundles the program when everything else is done, so that the commands that were printed start in half the time. They
 * work without as well, so a failure is not told.
 */
function bundleInBackground(): ChildProcess {
  const child = spawn(process.execPath, [BUILD, '--bundle'], { stdio: 'ignore' });
  child.once('error', () => {});
  if (child.pid) setPriority(child.pid, 10);
  return child;
}

interface Hello {
  status?: {
    ssh?: { host: string; port: number; user: string };
    services?: { name: string; url?: string; state: string }[];
  };
}

async function tellHowToConnect(home: string, logFile: string): Promise<void> {
  const text = await nexusOutput('get', 'workspace', 'hello', '-n', 'default', '-o', 'json');
  const { status } = JSON.parse(text) as Hello;
  const command = relative(process.cwd(), NEXUS).startsWith('..')
    ? NEXUS
    : `./${relative(process.cwd(), NEXUS)}`;
  const kubeconfig = join(home, 'kubeconfig');
  say();
  say('Your workspace runs.');
  say();
  say(`  a shell in it    ${command} ssh hello`);
  if (!hasProgram('ssh')) say(`                   which needs ssh: apt-get install openssh-client`);
  say(`  plain ssh        ${(await nexusOutput('ssh', 'hello', '-n', 'default', '--print')).trim()}`);
  for (const service of status?.services ?? [])
    if (service.url) say(`  ${service.name.padEnd(16)} ${service.url}`);
  say(`  its state        ${command} get ws -w`);
  say(`  kubectl          kubectl --kubeconfig ${kubeconfig} get ws`);
  say(`  logs             ${logFile}`);
  say();
  say('Ctrl-C stops server and agent and leaves the workspace as it is; `npm start` goes on from there.');
}

/** The workspace image for LXD, where there is one: it is made of packages, which takes minutes. */
function lxcImageInBackground(logFile: string): ChildProcess | undefined {
  const socket = lxdSocket(undefined);
  if (!existsSync(socket)) return undefined;
  say(`LXD answers too: ${DEFAULT_LXC_IMAGE}, for workspaces with \`driver: lxc\`, is made meanwhile.`);
  const log = openSync(logFile, 'a', 0o600);
  const args = ['--disable-warning=ExperimentalWarning', CLI, 'image', '--driver', 'lxc'];
  return spawn(process.execPath, args, { stdio: ['ignore', log, log] }).on('error', () => {});
}

async function main(): Promise<number> {
  const home = process.env.NEXUS_HOME || join(homedir(), '.nexus');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const logFile = join(home, 'up.log');
  const engine = await ensureEngine(say);
  say(`container engine  ${engine.version} at ${engine.socket}`);
  const docker = new Docker({ socketPath: engine.socket });
  await ensureWorkspaceImage(docker, DEFAULT_IMAGE, say);
  say(`workspace image   ${DEFAULT_IMAGE}`);

  let git: ServedRepository | undefined;
  let up: Up | undefined;
  let bundling: ChildProcess | undefined;
  let lxcImage: ChildProcess | undefined;
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    say('\nstopping server and agent …');
    up?.child.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  try {
    git = await serveExample(docker, home);
    up = startUp(engine, git.port, logFile);
    await up.ready;
    await nexusOutput('wait', 'nodes', '-l', 'nexus.dev/os', '--for', 'condition=Ready', '--timeout', '30s');
    say('server and agent  ready');
    say();
    const code = await applyExample(git.port);
    if (code === 0) await tellHowToConnect(home, logFile);
    else if (!stopping)
      say(
        `the example did not become ready; \`${NEXUS} describe ws hello\` says why. Server and agent go on.`,
      );
    if (!stopping) {
      bundling = bundleInBackground();
      lxcImage = lxcImageInBackground(logFile);
    }
    const exit = await up.exited;
    return stopping ? 0 : exit;
  } catch (error) {
    if (stopping) return 0;
    throw error;
  } finally {
    bundling?.kill();
    lxcImage?.kill();
    up?.child.kill('SIGTERM');
    await up?.exited;
    await git?.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`npm start: ${(error as Error).message}`);
  process.exitCode = 1;
}
