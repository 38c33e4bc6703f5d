import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import type { LoginTarget } from './login.ts';
import { runProgram } from './program.ts';

const SETUP = [
  'set -e',
  'useradd -m -u 1000 -s /bin/bash dev 2>/dev/null || true',
  'mkdir -p /home/dev/.ssh /run/sshd',
  'printf "%s\\n" "$KEY" > /home/dev/.ssh/authorized_keys',
  'chown -R dev /home/dev/.ssh; chmod 700 /home/dev/.ssh',
  'test -f /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key',
  'exec /usr/sbin/sshd -D -o HostKey=/etc/ssh/ssh_host_ed25519_key',
].join('\n');

export interface BareRuns {
  /** `docker run`, or what stands in for it. */
  how: string;
  /** `port`: a free one of the node. Resolves when the program has said that the container runs. */
  run(port: number): Promise<{ target: LoginTarget; remove(): Promise<void> }>;
  /** `docker rm -f`, the same way. */
  remove(id: string): Promise<void>;
}

/**
 * A plain `docker run` of an image with sshd and nothing else around it: what Nexus is measured against. By the command
 * line, as `nexus apply` is one; by the engine's API where this machine has no `docker`.
 */
export async function bareRuns(
  engine: { docker: Docker; socketPath: string },
  image: string,
  keyFile: string,
): Promise<BareRuns> {
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socketPath}`, DOCKER_CONTEXT: '' };
  const hasDocker = await runProgram('docker', ['version'], { env }).then(
    () => true,
    () => false,
  );
  const key = readFileSync(`${keyFile}.pub`, 'utf8').trim();
  const start = async (port: number): Promise<string> => {
    if (!hasDocker) return startByApi(engine.docker, image, key, port);
    const options = ['--init', `--publish=127.0.0.1:${port}:22`, `--env=KEY=${key}`, `--label=${LABEL}`];
    return (
      await runProgram('docker', ['run', '--detach', ...options, image, 'sh', '-c', SETUP], { env })
    ).trim();
  };
  const remove = async (id: string) => {
    if (hasDocker) await runProgram('docker', ['rm', '--force', id], { env });
    else await engine.docker.getContainer(id).remove({ force: true });
  };
  return {
    how: hasDocker ? 'docker run' : 'run by the API (no docker on this machine)',
    async run(port) {
      const id = await start(port);
      return {
        target: { host: '127.0.0.1', port, user: 'dev', key: keyFile },
        remove: () => remove(id),
      };
    },
    remove,
  };
}

/** On containers that are none of ours. */
export const BARE_LABEL = 'nexus.dev/bench';
const LABEL = `${BARE_LABEL}=bare`;

async function startByApi(docker: Docker, image: string, key: string, port: number): Promise<string> {
  const [label = '', value = ''] = LABEL.split('=');
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', SETUP],
    Env: [`KEY=${key}`],
    Labels: { [label]: value },
    HostConfig: { Init: true, PortBindings: { '22/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
    ExposedPorts: { '22/tcp': {} },
  });
  await container.start();
  return container.id;
}
