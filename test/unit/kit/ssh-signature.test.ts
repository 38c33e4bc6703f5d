import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { signerOf } from '../../../controller/kit/ssh-signature.ts';

const dir = t.testdir();
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
