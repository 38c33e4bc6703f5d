import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { CHEAP_KEY_EXCHANGE } from './ssh-login.ts';

/** Files of the real ssh for one machine, `host` (`box`), at a port of loopback; removed with `t`. */
export function sshBox(
  t: Test,
  { host = 'box', port, privateKey }: { host?: string; port: number; privateKey: string },
) {
  const dir = mkdtempSync(join(tmpdir(), 'm-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string) => join(dir, name);
  writeFileSync(file('id'), privateKey, { mode: 0o600 });
  writeFileSync(
    file('config'),
    [
      `Host ${host}`,
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  HostKeyAlias ${host}`,
      `  IdentityFile ${file('id')}`,
      '  IdentitiesOnly yes',
      '  IdentityAgent none',
      `  UserKnownHostsFile ${file('known')}`,
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      `  ${CHEAP_KEY_EXCHANGE}`,
    ].join('\n'),
  );
  return {
    /** Flags of `nexus node add` and `upgrade` with which ssh finds it, as `root@box` and `guest@box`, say. */
    flags: ['-F', file('config')],
    /** The host key that is expected of it from now on. */
    trust: (publicKey: string) => writeFileSync(file('known'), `${host} ${publicKey}\n`),
    knownHosts: () => readFileSync(file('known'), 'utf8'),
  };
}
