import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withTimeout } from '../../../controller/kit/abort.ts';
import { type Clock, systemClock } from '../../../controller/kit/clock.ts';
import { connect, describeAddress, type EngineAddress } from './address.ts';
import { type EngineFacts, readFacts } from './engine-facts.ts';

/** Long enough for a socket-activated engine to come up. */
const ANSWER_TIMEOUT_MS = 10_000;

export interface FoundEngine {
  address: EngineAddress;
  facts: EngineFacts;
}

export interface EngineSearch {
  /** The first that answers. */
  engine?: FoundEngine;
  /** Those before it, or all, with a sentence each that says why not. */
  refused: { address: string; problem: string }[];
}

export interface FindEngineOptions {
  /** DOCKER_HOST, DOCKER_CERT_PATH, XDG_RUNTIME_DIR and HOME are looked at. */
  env: Record<string, string | undefined>;
  /** Instead of the usual places; as in DOCKER_HOST. */
  candidates?: string[];
  uid?: number;
  clock?: Clock;
}

/** Looks for an engine that answers: what DOCKER_HOST says and nothing else, or the usual sockets in order. */
export async function findEngine(options: FindEngineOptions): Promise<EngineSearch> {
  const { env, clock = systemClock } = options;
  const refused: EngineSearch['refused'] = [];
  for (const candidate of options.candidates ?? usualPlaces(env, options.uid ?? process.getuid?.())) {
    try {
      const address = await parseEngineAddress(candidate, env);
      return { engine: { address, facts: await ask(address, clock) }, refused };
    } catch (error) {
      refused.push({ address: candidate, problem: explain(error as NodeJS.ErrnoException) });
    }
  }
  return { refused };
}

/** Where engines listen, best first: Docker before Podman, the machine's before the user's own. */
export function usualPlaces(env: Record<string, string | undefined>, uid: number | undefined): string[] {
  if (env.DOCKER_HOST) return [env.DOCKER_HOST];
  const runtimeDir = env.XDG_RUNTIME_DIR || (uid ? `/run/user/${uid}` : undefined);
  const own = runtimeDir ? [join(runtimeDir, 'docker.sock'), join(runtimeDir, 'podman/podman.sock')] : [];
  const desktop = env.HOME ? [join(env.HOME, '.docker/run/docker.sock')] : [];
  return ['/var/run/docker.sock', '/run/podman/podman.sock', ...own, ...desktop].map(
    path => `unix://${path}`,
  );
}

/** `unix:///path`, or `tcp://host:port` with the certificates of DOCKER_CERT_PATH. Throws for anything else. */
export async function parseEngineAddress(
  text: string,
  env: Record<string, string | undefined>,
): Promise<EngineAddress> {
  if (text.startsWith('unix://')) return { socketPath: text.slice('unix://'.length) };
  if (text.startsWith('/')) return { socketPath: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'ssh:')
    throw new Error('engines are not reached over ssh: run the agent on that machine instead');
  if (url?.protocol !== 'tcp:' && url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Error('must be unix:///path or tcp://host:port');
  const secure = env.DOCKER_TLS_VERIFY !== undefined && env.DOCKER_TLS_VERIFY !== '';
  const port = Number(url.port || (secure ? 2376 : 2375));
  if (!secure && url.protocol !== 'https:') return { host: url.hostname, port };
  const dir = env.DOCKER_CERT_PATH || (env.HOME && join(env.HOME, '.docker'));
  if (!dir) throw new Error('TLS is asked for, but DOCKER_CERT_PATH does not say where the certificates are');
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map(name => readFile(join(dir, name), 'utf8')),
  );
  return { host: url.hostname, port, ca, cert, key };
}

async function ask(address: EngineAddress, clock: Clock): Promise<EngineFacts> {
  const { docker, close } = connect(address, clock);
  try {
    return await withTimeout(
      readFacts(docker, address),
      ANSWER_TIMEOUT_MS,
      clock,
      () => new Error(`${describeAddress(address)} took a connection but does not answer`),
    );
  } finally {
    close();
  }
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'is not there: no engine of this kind is installed or started';
    case 'ECONNREFUSED':
      return 'nobody listens: the engine is not started';
    case 'EINVAL':
      return 'the path of the socket is longer than the 107 characters that the system takes';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not use it: run as root or as a member of its group';
    default:
      return error.message;
  }
}
