import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseSshPublicKey } from '../../../controller/kit/ssh-public-key.ts';

const dir = t.testdir();
const keygen = (type: string, bits: string[] = []) => {
  const file = join(dir, `${type}${bits.join('')}`);
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', 'me at home', '-f', file]);
  const fingerprint = execFileSync('ssh-keygen', ['-lf', `${file}.pub`])
    .toString()
    .split(' ')[1];
  return { text: readFileSync(`${file}.pub`, 'utf8'), fingerprint, secret: readFileSync(file, 'utf8') };
};

t.test('keys that ssh-keygen makes are read with the fingerprint that it prints', async t => {
  for (const [type, bits] of [
    ['ed25519', []],
    ['ecdsa', ['-b', '384']],
    ['rsa', ['-b', '2048']],
  ] as const) {
    const { text, fingerprint } = keygen(type, [...bits]);
    t.match(parseSshPublicKey(text), { fingerprint, comment: 'me at home' }, type);
    t.ok(text.startsWith((parseSshPublicKey(text) as { key: string }).key), type);
  }
});

t.test('what is no public key, or a weak one, is refused with a reason', async t => {
  const { text, secret } = keygen('ed25519', ['-a', '1']);
  const [type, data = ''] = text.split(' ');
  const bad: [reason: string, text: string, problem: RegExp][] = [
    ['a short RSA key', keygen('rsa', ['-b', '1024']).text, /1024 bits/],
    ['a private key', secret, /one line|private/],
    ['a cut key', `${type} ${data.slice(0, 40)}`, /damaged/],
    ['another type than the data', `ssh-rsa ${data}`, /damaged/],
    ['no base64', `${type} ${data.slice(0, -3)}%%%`, /damaged/],
    ['two keys', `${text}${text}`, /one line/],
    ['options', `no-pty ${text}`, /begins with its type/],
    ['DSA', 'ssh-dss AAAA', /begins with its type/],
    ['nothing', '', /begins with its type/],
  ];
  for (const [reason, given, problem] of bad)
    t.match((parseSshPublicKey(given) as { problem?: string }).problem, problem, reason);
});
