import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { findTestEngine } from './engine.ts';
import { ensureTestImage } from './images.ts';
import { sshBox } from './ssh-box.ts';
import { steadyPorts } from './steady-ports.ts';
import { patience, until } from './until.ts';

const run = promisify(execFile);

/** As a machine that somebody was just given: sshd, and one key that may log in. */
const START = `
set -eu
mkdir -p /run/sshd
for home in /root /home/guest; do
  [ -d $home ] || useradd -m -s /bin/sh guest
  mkdir -p -m 700 $home/.ssh
  echo "$KEY" >$home/.ssh/authorized_keys
done
chown -R guest /home/guest/.ssh
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
exec /usr/sbin/sshd -D -e -p "$PORT" -o ListenAddress=127.0.0.1 -o PermitRootLogin=yes
`;

export interface BareMachineOptions {
  /** It has the engine of tests: the socket is mounted. */
  withEngine: boolean;
}

/**
 * A bare Debian container with nothing but sshd, in the network of this machine: it reaches what listens on loopback here,
 * and ports that its engine publishes are loopback's. Removed with `t`.
 */
export async function bareMachine(t: Test, { withEngine }: BareMachineOptions) {
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const { docker, socketPath } = engine;
  const Image = await ensureTestImage(docker, 'sshd');
  const [port = 0] = await steadyPorts(1);
  const key = generateSshKey('admin@laptop');
  const container = await docker.createContainer({
    Image,
    Cmd: ['sh', '-c', START],
    Env: [`PORT=${port}`, `KEY=${key.publicKey}`],
    HostConfig: {
      NetworkMode: 'host',
      Init: true,
      Binds: withEngine ? [`${socketPath}:/var/run/docker.sock`] : [],
    },
  });
  t.teardown(() => container.remove({ force: true }));
  await container.start();

  const shell = async (command: string) =>
    (
      await run('docker', ['-H', `unix://${socketPath}`, 'exec', container.id, 'sh', '-c', command], {
        timeout: patience(60_000),
      })
    ).stdout.trim();
  const hostKey = await until(
    () => shell('cat /etc/ssh/ssh_host_ed25519_key.pub && pidof sshd').catch(() => undefined),
    { timeoutMs: 20_000, what: () => 'sshd to run' },
  );
  const box = sshBox(t, { port, privateKey: key.privateKey });
  box.trust(hostKey.split('\n')[0] ?? '');
  return {
    ...box,
    /** A command as root in it. */
    shell,
  };
}

export type BareMachine = Awaited<ReturnType<typeof bareMachine>>;
