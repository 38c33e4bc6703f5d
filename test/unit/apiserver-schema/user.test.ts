import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';

const crd = parse(readFileSync(new URL('../../../crds/user.yaml', import.meta.url), 'utf8'));
const schema = compileSchema(crd.spec.versions[0].schema.openAPIV3Schema);
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEbVqjZWxPGrSbTzdyoNVwBL1BLVLCPH2pSoJDjjJKeH';

const user = (name: string, spec: object = {}) => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name },
  spec,
});
const fields = (object: object) => schema.validate(object).map(cause => cause.field);

t.test('a user is a member who is not suspended, unless it is said', async t => {
  const ada = user('ada', {
    github: { login: 'Ada-L', id: 42 },
    sshKeys: [{ name: 'laptop@home', key: `${KEY} ada` }],
  });
  schema.default(ada);
  t.match(ada.spec, { role: 'member', suspended: false });
  t.strictSame(schema.validate(ada), []);
});

t.test('names that are a namespace of somebody else, or none, are refused', async t => {
  for (const name of ['default', 'kube-system', 'nexus-system', 'nexus-node-n1'])
    t.match(schema.validate(user(name)), [{ message: /are taken/ }], name);
  for (const name of ['a.b', 'Ada', '-a', 'x'.repeat(51)])
    t.equal(fields(user(name))[0], 'metadata.name', name);
  t.strictSame(fields(user('x'.repeat(50))), []);
});

t.test('keys are public keys of a kind that sshd takes, each under a name of its own', async t => {
  const keys = (...sshKeys: object[]) => fields(user('ada', { sshKeys }));
  t.strictSame(keys({ name: 'a', key: `command="x" ${KEY}` }), ['spec.sshKeys[0].key'], 'no options');
  t.strictSame(keys({ name: 'a', key: `${KEY}\n${KEY}` }), ['spec.sshKeys[0].key'], 'one line');
  t.strictSame(keys({ name: 'a', key: KEY.replace('ed25519', 'dss') }), ['spec.sshKeys[0].key']);
  t.strictSame(keys({ name: 'a', key: KEY }, { name: 'a', key: KEY }), ['spec.sshKeys[1]']);
  t.strictSame(keys({ name: '', key: KEY }), ['spec.sshKeys[0].name']);
});
