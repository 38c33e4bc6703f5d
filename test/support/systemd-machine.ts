import type { Test } from 'tap';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { type LxdLab, TEST_POOL } from './lxd-lab.ts';
import { sshBox } from './ssh-box.ts';
import { steadyPorts } from './steady-ports.ts';
import { until } from './until.ts';

/**
 * A Debian whose first process is systemd, in a container of LXD. It has no network but two ports: sshd's is at a port of
 * loopback here, and `reaches` of loopback here are at the same ports of its own. Removed with `t`.
 */
export async function systemdMachine(t: Test, lab: LxdLab, name: string, reaches: number[]) {
  const [port = 0] = await steadyPorts(1);
  const key = generateSshKey('admin@laptop');
  const image = await lab.image('system');
  const instance = `${name}-${process.pid}`;
  await lab.lxc('init', image, instance, '--no-profiles', '--storage', TEST_POOL);
  t.teardown(() => lab.lxc('delete', '--force', instance));
  const proxy = (device: string, listen: number, connect: number, bind: string) =>
    lab.lxc(
      ...['config', 'device', 'add', instance, device, 'proxy', `bind=${bind}`],
      ...[`listen=tcp:127.0.0.1:${listen}`, `connect=tcp:127.0.0.1:${connect}`],
    );
  await proxy('sshd', port, 22, 'host');
  for (const one of reaches) await proxy(`port${one}`, one, one, 'instance');
  await lab.lxc('start', instance);
  const shell = (command: string) => lab.exec(instance, command);
  const isUp = () => shell('systemctl is-system-running').catch(({ stdout = '' }) => String(stdout).trim());
  await until(async () => /running|degraded/.test(await isUp()), {
    timeoutMs: 60_000,
    everyMs: 500,
    what: () => `systemd to be up in ${name}`,
  });
  // One kind of host key: others take seconds to make.
  await shell(
    `mkdir -p -m 700 /root/.ssh && echo '${key.publicKey}' >/root/.ssh/authorized_keys && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && systemctl reset-failed ssh && systemctl restart ssh`,
  );
  const box = sshBox(t, { host: name, port, privateKey: key.privateKey });
  box.trust(await shell('cat /etc/ssh/ssh_host_ed25519_key.pub'));
  return { ...box, instance, shell };
}
