import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';

t.test('every key that is given out can be read and signs what its public half verifies', t => {
  // ssh2 alone makes about four bad ones in so many.
  for (let i = 0; i < 1000; i++) {
    const { privateKey, publicKey } = generateSshKey('me');
    const key = ssh2.utils.parseKey(privateKey);
    const known = ssh2.utils.parseKey(publicKey);
    if (key instanceof Error || known instanceof Error) return Promise.reject(new Error(`bad key at ${i}`));
    if (known.verify('text', key.sign('text')) !== true)
      return Promise.reject(new Error(`bad signature at ${i}`));
  }
  t.end();
  return undefined;
});

t.test('OpenSSH reads the private half and derives the public one from it', async t => {
  const { privateKey, publicKey } = generateSshKey('me');
  const file = join(t.testdir(), 'key');
  writeFileSync(file, privateKey, { mode: 0o600 });
  const { stdout, status } = spawnSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });
  t.equal(status, 0);
  t.same(stdout.trim().split(' ').slice(0, 2), publicKey.split(' ').slice(0, 2));
});
