import ssh2 from 'ssh2';
import t from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { refused, startLab } from './lab.ts';

const USERS = '/apis/nexus.dev/v1alpha1/users';
const MERGE = { type: 'application/merge-patch+json' };
const key = generateSshKey('a').publicKey;
const user = (name: string, ...keys: string[]) => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name },
  spec: { sshKeys: keys.map((one, i) => ({ name: `k${i}`, key: one })) },
});

t.test('a key belongs to one user, whatever its comment', async t => {
  const { call } = await startLab(t);
  t.equal((await call('POST', USERS, user('ada', key))).code, 201);
  const again = `${key.split(' ').slice(0, 2).join(' ')} elsewhere`;
  const causes = async (body: object) =>
    refused(t, await call('POST', USERS, body), 422, 'Invalid').details?.causes;
  t.match(await causes(user('bob', again)), [
    { field: 'spec.sshKeys[0].key', reason: 'FieldValueDuplicate', message: /registered with user ada/ },
  ]);
  t.match(await causes(user('bob', generateSshKey('x').publicKey, again)), [
    { field: 'spec.sshKeys[1].key' },
  ]);
  const own = generateSshKey('b').publicKey;
  t.match(await causes(user('bob', own, own)), [
    { field: 'spec.sshKeys[1].key', reason: 'FieldValueDuplicate' },
  ]);
  t.equal((await call('PUT', `${USERS}/ada`, { ...user('ada', again), metadata: undefined })).code, 422);
  t.equal(
    (await call('PATCH', `${USERS}/ada`, user('ada', again), MERGE)).code,
    200,
    'the same key of the same user',
  );
  await call('PATCH', `${USERS}/ada`, { spec: { sshKeys: [] } }, MERGE);
  t.equal((await call('POST', USERS, user('bob', again))).code, 201, 'freed');
});

t.test('a key that no sshd should take is refused with what is wrong', async t => {
  const { call } = await startLab(t);
  const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 1024 }).public;
  const message = async (line: string) =>
    refused(t, await call('POST', USERS, user('ada', line)), 422, 'Invalid').message;
  t.match(await message(rsa), /1024 bits/);
  t.match(await message(key.replace('AAAAC3', 'AAAAC4')), /damaged/);
  t.match(await message(key.replace('ssh-ed25519', 'ssh-rsa')), /damaged/);
});

t.test('a user that was stored before a rule came stays changeable', async t => {
  const { call, store } = await startLab(t);
  await call('POST', USERS, user('ada', key));
  const bob = await call('POST', USERS, user('bob'));
  const stored = store.get('/nexus.dev/users//bob');
  const shared = { ...bob.body, spec: user('bob', key).spec };
  await store.update('/nexus.dev/users//bob', shared, stored?.revision ?? 0);
  t.equal((await call('PATCH', `${USERS}/bob`, { spec: { suspended: true } }, MERGE)).code, 200);
});
