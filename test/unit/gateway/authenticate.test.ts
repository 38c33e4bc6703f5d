import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import ssh2, { type PublicKeyAuthContext } from 'ssh2';
import t from 'tap';
import { newAgentKey } from '../../../agent/ssh/agent-key.ts';
import { judgeKey } from '../../../controller/gateway/authenticate.ts';
import { type Identities, userKeys } from '../../../controller/gateway/identities.ts';
import { parseSshPublicKey } from '../../../controller/kit/ssh-public-key.ts';
import type { User } from '../../../crds/types.generated.ts';

const BLOB = Buffer.from('what the server asks to be signed');

function string(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Everybody knows alice's key and no other. */
function identitiesOf(key: Buffer): Identities {
  return {
    find: shown => (shown === key.toString('base64') ? [{ kind: 'user', name: 'alice', key: shown }] : []),
    holds: () => true,
    namespaceOf: user => user,
    onLoss: () => () => {},
  };
}

interface Shown {
  algo: string;
  data: Buffer;
  signature?: Buffer;
  hashAlgo?: string;
}

const judge = ({ algo, data, signature, hashAlgo }: Shown, known = data) =>
  judgeKey(
    {
      username: 'x',
      key: { algo, data },
      ...(signature && { signature, blob: BLOB }),
      ...(hashAlgo && { hashAlgo }),
    } as PublicKeyAuthContext,
    identitiesOf(known),
  );

const accepted = { kind: 'accepted', peer: { kind: 'user', name: 'alice' } };
const refused = (why: string) => ({ kind: 'refused', why });

function openssh(type: 'ed25519' | 'ecdsa' | 'rsa', bits?: number) {
  const pair = ssh2.utils.generateKeyPairSync(type as 'rsa', { bits: bits as number });
  const key = ssh2.utils.parseKey(pair.private);
  if (key instanceof Error) throw key;
  return { algo: key.type, data: key.getPublicSSH(), sign: (hash?: string) => key.sign(BLOB, hash) };
}

t.test('a signature of the key lets in, and nothing else does', async t => {
  const keys: [string, ReturnType<typeof openssh>, string | undefined][] = [
    ['ed25519', openssh('ed25519'), undefined],
    ['ecdsa', openssh('ecdsa', 256), undefined],
    ['rsa', openssh('rsa', 2048), 'sha256'],
  ];
  for (const [name, key, hashAlgo] of keys) {
    const { algo, data } = key;
    const shown = { algo, data, ...(hashAlgo && { hashAlgo }) };
    t.same(judge(shown), { kind: 'offered' }, name);
    const signature = key.sign(hashAlgo);
    t.match(judge({ ...shown, signature }), accepted, name);
    const bent = Buffer.from(signature);
    bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
    t.same(judge({ ...shown, signature: bent }), refused('BadSignature'), name);
    t.same(judge({ ...shown, signature }, Buffer.from('another')), refused('UnknownKey'), name);
  }
});

t.test('short RSA keys, and SHA-1, are too weak', async t => {
  const short = openssh('rsa', 1024);
  t.same(judge({ algo: short.algo, data: short.data, hashAlgo: 'sha256' }), refused('WeakKey'));
  const long = openssh('rsa', 2048);
  const signature = long.sign('sha1');
  t.same(judge({ algo: long.algo, data: long.data, signature }), refused('WeakKey'));
});

const APPLICATION = 'ssh:';
const digest = (data: Buffer | string) => createHash('sha256').update(data).digest();

/** What a security key signs, as OpenSSH's PROTOCOL.u2f has it. */
function token(type: 'ed25519' | 'ec', flags = 1) {
  const counter = Buffer.from([flags, 0, 0, 0, 7]);
  const signed = Buffer.concat([digest(APPLICATION), counter, digest(BLOB)]);
  const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
  if (type === 'ed25519') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const algo = 'sk-ssh-ed25519@openssh.com';
    const data = Buffer.concat([string(algo), string(spki(publicKey).subarray(-32)), string(APPLICATION)]);
    return { algo, data, signature: Buffer.concat([sign(null, signed, privateKey), counter]) };
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algo = 'sk-ecdsa-sha2-nistp256@openssh.com';
  const data = Buffer.concat([
    string(algo),
    string('nistp256'),
    string(spki(publicKey).subarray(-65)),
    string(APPLICATION),
  ]);
  const raw = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const number = (bytes: Buffer) => string(Buffer.concat([Buffer.from([0]), bytes]));
  const signature = Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32)), counter]);
  return { algo, data, signature };
}

t.test('security keys let in when somebody touched them', async t => {
  for (const type of ['ed25519', 'ec'] as const) {
    const shown = token(type);
    t.match(judge(shown), accepted, type);
    t.same(judge({ ...shown, signature: token(type).signature }), refused('BadSignature'), type);
    const untouched = token(type, 0);
    t.same(judge(untouched), refused('BadSignature'), type);
    for (const length of [0, 4, 20])
      t.same(judge({ ...shown, signature: shown.signature.subarray(0, length) }), refused('BadSignature'));
  }
});

const [one, two] = [newAgentKey().publicKey, newAgentKey().publicKey];

function userOf(spec: Partial<User['spec']>, status?: User['status']): User {
  const sshKeys = [
    { name: 'one', key: `${one} laptop` },
    { name: 'two', key: two },
  ];
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: 'alice' },
    spec: { sshKeys, ...spec },
    ...(status && { status }),
  };
}

const blob = (key: string) => key.split(' ')[1];

t.test(
  'the keys of a user let in, save those that the controller found to be no good or somebody else’s',
  async t => {
    t.same(userKeys(userOf({})), [blob(one), blob(two)]);
    t.same(userKeys(userOf({ suspended: true })), []);
    const known = parseSshPublicKey(two);
    if ('problem' in known) throw new Error(known.problem);
    const { type, fingerprint } = known;
    const status = { observedGeneration: 1, sshKeys: [{ name: 'two', type, fingerprint }] };
    t.same(userKeys(userOf({}, status)), [blob(two)]);
    t.same(userKeys(userOf({ sshKeys: [] }, status)), [], 'one that was removed is gone at once');
    t.same(userKeys(userOf({}, { observedGeneration: 1 })), []);
  },
);
