import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import type { LoginTarget } from './login.ts';

const SETUP = [
  'set -e',
  'useradd -m -u 1000 -s /bin/bash dev 2>/dev/null || true',
  'mkdir -p /home/dev/.ssh /run/sshd',
  'printf "%s\\n" "$KEY" > /home/dev/.ssh/authorized_keys',
  'chown -R dev /home/dev/.ssh; chmod 700 /home/dev/.ssh',
  'test -f /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key',
  'exec /usr/sbin/sshd -D -o HostKey=/etc/ssh/ssh_host_ed25519_key',
].join('\n');

/** A plain `docker run` of an image with sshd and nothing else around it: what Nexus is measured against. */
export async function runBare(
  docker: Docker,
  image: string,
  keyFile: string,
): Promise<{ target: LoginTarget; remove(): Promise<void> }> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', SETUP],
    Env: [`KEY=${readFileSync(`${keyFile}.pub`, 'utf8').trim()}`],
    Labels: { 'nexus.dev/bench': 'bare' },
    HostConfig: { Init: true, PortBindings: { '22/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
    ExposedPorts: { '22/tcp': {} },
  });
  await container.start();
  const { NetworkSettings } = await container.inspect();
  const port = Number(NetworkSettings.Ports['22/tcp']?.[0]?.HostPort);
  return {
    target: { host: '127.0.0.1', port, user: 'dev', key: keyFile },
    remove: () => container.remove({ force: true }),
  };
}
