/**
 * Finds a container engine, or installs and starts Debian's where this process may.
 * `node manifests/install/engine.ts` prints the socket of the engine that answers.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { ensurePackages, hasProgram } from './packages.mjs';

const START_TIMEOUT_MS = 60_000;
const START_AGAIN_MS = 18_000;
const DOCKER_SOCKET = '/var/run/docker.sock';
const DOCKER_PID = '/var/run/docker.pid';

export interface Engine {
  socket: string;
  version: string;
}

/** Sockets that are looked at, in this order. */
function candidates(): string[] {
  const host = process.env.DOCKER_HOST;
  if (host) return [host.replace(/^unix:\/\//, '')];
  const runtime = process.env.XDG_RUNTIME_DIR;
  return [
    DOCKER_SOCKET,
    ...(runtime ? [`${runtime}/docker.sock`] : []),
    '/run/podman/podman.sock',
    ...(runtime ? [`${runtime}/podman/podman.sock`] : []),
  ];
}

async function probe(socket: string): Promise<Engine | undefined> {
  if (!existsSync(socket)) return undefined;
  try {
    const version = (await new Docker({ socketPath: socket, timeout: 5000 }).version()) as {
      Version: string;
      Components?: { Name: string }[];
    };
    // Docker calls itself Engine.
    const name = version.Components?.[0]?.Name?.replace(/^Engine$/, 'Docker') ?? 'Docker';
    return { socket, version: `${name} ${version.Version}` };
  } catch {
    return undefined;
  }
}

/** The engine that answers, started or installed first where that is allowed. Throws with the command to run. */
export async function ensureEngine(say: (line: string) => void): Promise<Engine> {
  for (const socket of candidates()) {
    const engine = await probe(socket);
    if (engine) return engine;
  }
  if (process.env.DOCKER_HOST)
    throw new Error(
      `no container engine answers at DOCKER_HOST=${process.env.DOCKER_HOST}; start it, or unset DOCKER_HOST.`,
    );
  if (process.getuid?.() !== 0 || !(hasProgram('apt-get') || hasProgram('dockerd'))) {
    const command = hasProgram('apt-get')
      ? 'sudo apt-get install -y docker.io && sudo usermod -aG docker "$USER" && newgrp docker'
      : 'see https://docs.docker.com/engine/install/';
    throw new Error(
      `no container engine answers (looked at ${candidates().join(', ')}). Install one: ${command}`,
    );
  }
  if (!hasProgram('dockerd')) {
    say("no container engine found: installing Debian's docker.io …");
    await ensurePackages({ 'docker.io': 'dockerd', iptables: 'iptables' });
  }
  say('starting the Docker engine …');
  startDocker();
  return waitForDocker();
}

/** A daemon that was killed leaves its pid behind, and a new one does not start while any process has that number. */
function clearStalePid(): void {
  try {
    const pid = readFileSync(DOCKER_PID, 'utf8').trim();
    const name = existsSync(`/proc/${pid}/comm`) ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : '';
    const isZombie = name !== '' && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (name !== 'dockerd' || isZombie) rmSync(DOCKER_PID, { force: true });
  } catch {
    // None is there, or it ended meanwhile.
  }
}

function startDocker(): void {
  if (existsSync('/run/systemd/system')) {
    spawnSync('systemctl', ['start', 'docker'], { stdio: 'ignore' });
    return;
  }
  clearStalePid();
  mkdirSync('/var/log', { recursive: true });
  const log = openSync('/var/log/dockerd.log', 'a', 0o600);
  const child = spawn('dockerd', [], { detached: true, stdio: ['ignore', log, log] });
  child.on('error', () => {});
  child.unref();
}

async function waitForDocker(): Promise<Engine> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let again = Date.now() + START_AGAIN_MS;
  while (Date.now() < deadline) {
    const engine = await probe(DOCKER_SOCKET);
    if (engine) return engine;
    // One that came up while the former's containerd was still going gives up after 15 s; a second one beside it just ends.
    if (Date.now() > again) {
      startDocker();
      again = Date.now() + START_AGAIN_MS;
    }
    await sleep(200);
  }
  throw new Error(
    `the Docker engine did not answer within ${START_TIMEOUT_MS / 1000} s; its log: journalctl -u docker, or /var/log/dockerd.log`,
  );
}

if (import.meta.main) {
  try {
    console.log((await ensureEngine(line => console.error(line))).socket);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
