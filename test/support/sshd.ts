import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SshKey } from '../../controller/kit/ssh-key-file.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

const SSHD = '/usr/sbin/sshd';

export interface Sshd {
  port: number;
  /** Of its loopback; who logs in is the user of this process. */
  close(): Promise<void>;
}

/** Why OpenSSH's server cannot be started here, or false. */
export const noSshd = (): string | false => (existsSync(SSHD) ? false : `${SSHD} is not installed`);

/** OpenSSH's own server, as a process in the foreground, for the user of this process. */
export async function startSshd(options: {
  dir: string;
  hostKey: SshKey;
  authorizedKeys: string[];
  config?: string[];
}): Promise<Sshd> {
  const { dir, hostKey, authorizedKeys, config = [] } = options;
  const [port = 0] = await freePorts(1);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const file = (name: string) => join(dir, name);
  writeFileSync(file('host'), hostKey.privateKey, { mode: 0o600 });
  writeFileSync(file('authorized'), `${authorizedKeys.join('\n')}\n`, { mode: 0o600 });
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${file('host')}`,
    `AuthorizedKeysFile ${file('authorized')}`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin yes',
    'MaxStartups 100',
    'MaxSessions 100',
    'Subsystem sftp internal-sftp',
    ...config,
  ];
  writeFileSync(file('config'), `${lines.join('\n')}\n`);
  const child = spawn(SSHD, ['-D', '-f', file('config'), '-E', file('log')], { stdio: 'ignore' });
  const ended = new Promise(resolve => child.once('exit', resolve));
  const log = () => (existsSync(file('log')) ? readFileSync(file('log'), 'utf8') : '');
  await until(() => log().includes(`listening on 127.0.0.1 port ${port}`), {
    timeoutMs: 10_000,
    everyMs: 10,
    what: () => `sshd to listen: ${log()}`,
  });
  return {
    port,
    async close() {
      child.kill();
      await ended;
    },
  };
}
