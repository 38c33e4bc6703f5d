import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasProgram } from '../../manifests/install/packages.mjs';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** Why there can be none; false when there can. */
export const noPrivateRegistry = (): string | false =>
  ['docker-registry', 'htpasswd'].every(hasProgram)
    ? false
    : 'docker-registry or htpasswd is missing: apt-get install docker-registry apache2-utils';

export interface PrivateRegistry {
  /** `127.0.0.1:<port>`: engines take loopback registries without TLS. */
  host: string;
  /** Only these may push and pull from now on. */
  setLogin(username: string, password: string): Promise<void>;
  close(): Promise<void>;
}

/** The registry that Docker's own is made of, which asks everybody for a login. */
export async function startPrivateRegistry(username: string, password: string): Promise<PrivateRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-registry-'));
  const [port] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  const passwords = join(folder, 'htpasswd');
  const config = join(folder, 'config.json');
  const settings = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: host },
    auth: { htpasswd: { realm: 'test', path: passwords } },
  };
  writeFileSync(config, JSON.stringify(settings));
  const setLogin = async (name: string, secret: string) => {
    await run('htpasswd', ['-Bbc', passwords, name, secret]);
  };
  await setLogin(username, password);
  const child: ChildProcess = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await until(
    () =>
      fetch(`http://${host}/v2/`)
        .then(({ status }) => status === 401)
        .catch(() => false),
    {
      timeoutMs: 10_000,
      what: () => 'the registry to ask for a login',
    },
  );
  return {
    host,
    setLogin,
    async close() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
