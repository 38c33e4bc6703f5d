import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { parseSshPublicKey } from '../../../controller/kit/ssh-public-key.ts';
import { signerOf } from '../../../controller/kit/ssh-signature.ts';

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

const MESSAGE = 'what is signed\n';

function sign(type: string, bits: string[], namespace = 'test@nexus.dev') {
  const file = join(dir, `${type}-${bits.join('')}`);
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-f', file]);
  const signature = execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', file], {
    input: MESSAGE,
    stdio: ['pipe', 'pipe', 'ignore'],
  }).toString();
  return { signature, key: readFileSync(`${file}.pub`, 'utf8').split(' ', 2).join(' ') };
}

t.test('signatures of ssh-keygen name their key', async t => {
  for (const [type, ...bits] of [
    ['ed25519'],
    ['ecdsa', '-b', '256'],
    ['ecdsa', '-b', '384'],
    ['ecdsa', '-b', '521'],
    ['rsa', '-b', '2048'],
  ] as [string, ...string[]][]) {
    const { signature, key } = sign(type, bits);
    t.equal(signerOf(signature, MESSAGE, 'test@nexus.dev')?.key, key, type);
    t.equal(signerOf(signature, `${MESSAGE}.`, 'test@nexus.dev'), undefined, `${type}: another text`);
    t.equal(signerOf(signature, MESSAGE, 'file'), undefined, `${type}: for something else`);
    const [head = '', ...lines] = signature.split('\n');
    const data = Buffer.from(lines.slice(0, -2).join(''), 'base64');
    for (let at = 0; at < data.length; at += 7) {
      const bent = Buffer.from(data);
      bent[at]! ^= 1;
      const text = `${head}\n${bent.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
      t.not(signerOf(text, MESSAGE, 'test@nexus.dev')?.key, key, `${type}: byte ${at} is another`);
    }
  }
});

t.test('what is no signature is nobody’s', async t => {
  const { signature } = sign('ed25519', ['-C', 'short']);
  for (const text of [
    '',
    'x',
    signature.slice(0, 200),
    signature.replace('SSH SIGNATURE', 'PGP'),
    signature + signature,
  ])
    t.equal(signerOf(text, MESSAGE, 'test@nexus.dev'), undefined);
  const short = sign('rsa', ['-b', '1024']);
  t.equal(signerOf(short.signature, MESSAGE, 'test@nexus.dev'), undefined, 'a short RSA key');
});
