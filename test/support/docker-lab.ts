import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import type { Test } from 'tap';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import type { AgentOptions } from '../../agent/main.ts';
import { removeEverything } from '../conformance/driver.ts';
import { HOST_KEY, type SpecPatch, USER_KEY } from './agent-data.ts';
import { AgentLab } from './agent-lab.ts';
import { dockerByHand } from './docker-by-hand.ts';
import { findTestEngine } from './engine.ts';
import { ensureTestImage } from './images.ts';
import { sshLogin } from './ssh-login.ts';
import { steadyPorts } from './steady-ports.ts';

const run = promisify(execFile);

/** A node of its own on the test engine, under a real API server; removed with the test. */
export async function dockerLab(t: Test) {
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const { docker, socketPath } = engine;
  const node = `agent-${randomBytes(4).toString('hex')}`;
  const driver = createDockerDriver({ socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
    // The network too, which a driver leaves to the next agent.
    await dockerByHand(engine).clear(node);
  });
  const image = await ensureTestImage(docker, 'ready');
  const lab = await AgentLab.open(t, node);
  const home = t.testdir({});
  const keys = t.testdir({ keys: {} });
  return {
    lab,
    docker,
    node,
    image,
    home,
    socketPath,
    start: (options: Partial<AgentOptions> = {}) =>
      lab.start({ home, drivers: ['docker'], dockerSocket: socketPath, ...options }),
    /** Places a workspace on a port that is free, and answers with a way to log in. */
    async place(name: string, patch: SpecPatch = {}, values: Record<string, string> = {}) {
      const [port = 0] = await steadyPorts(1);
      // Names on the engine come of the uid, and other tests share the engine.
      const workspace = { name, namespace: 'default', uid: `${node}-${name}`, generation: 1 };
      const spec = { driver: 'docker' as const, image, workspace, ...patch, ssh: { port, ...patch.ssh } };
      await lab.place(name, spec, values);
      return { port, ssh: login(port) };
    },
    login,
    containers: async () =>
      docker.listContainers({ all: true, filters: { label: [`nexus.dev/node=${node}`] } }),
    container: async (name: string): Promise<Docker.Container> => {
      const { status } = await lab.get(name);
      return docker.getContainer(status?.container?.id ?? 'none');
    },
    /** A command as root in the container. */
    async root(name: string, command: string): Promise<string> {
      const { status } = await lab.get(name);
      const { stdout } = await run('docker', [
        ...['-H', `unix://${socketPath}`, 'exec', status?.container?.id ?? 'none', 'sh', '-c', command],
      ]);
      return stdout.trim();
    },
  };

  function login(port: number, user = 'dev') {
    return sshLogin({
      port,
      user,
      dir: `${keys}/keys`,
      privateKey: USER_KEY.privateKey,
      hostKey: HOST_KEY.publicKey,
    });
  }
}
