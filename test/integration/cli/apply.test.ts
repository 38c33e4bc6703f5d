import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { CONFIG_MAP, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { localServer } from '../../support/local-server.ts';

const server = await localServer();
t.teardown(() => server.close());

const ws = (name: string, spec = '{driver: memory}', labels = '{}') =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}, labels: ${labels}}\nspec: ${spec}\n---\n`;
const map = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {key: "${value}"}\n---\n`;

t.test('apply says created, configured and unchanged, and unchanged writes nothing', async t => {
  t.match(await server.apply(ws('one')), { code: 0, stdout: 'workspace.nexus.dev/one created\n' });
  const key = { name: 'one', namespace: 'default' };
  const { metadata } = await server.client.get(WORKSPACE, key);
  const again = await server.apply(ws('one'));
  t.match(again, { code: 0, stdout: 'workspace.nexus.dev/one unchanged\n' });
  t.equal((await server.client.get(WORKSPACE, key)).metadata.generation, metadata.generation);
  const changed = await server.apply(ws('one', '{driver: memory, env: [{name: A, value: b}]}'));
  t.match(changed, { code: 0, stdout: 'workspace.nexus.dev/one configured\n' });
});

t.test('what is in the files only for the next one is applied before it', async t => {
  const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gg]}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
`;
  const gadget = 'apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g, namespace: fresh}\n---\n';
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n---\n';
  const before = await server.cli(['diff', '-f', '-'], { stdin: gadget + crd });
  t.equal(before.code, 1, 'diff shows kinds that are not there yet');
  const { code, stdout, stderr } = await server.apply(gadget + namespace + crd);
  t.equal(code, 0, stderr);
  t.match(
    stdout,
    /namespace\/fresh created\n.*gadgets\.example\.com created\n.*gadget\.example\.com\/g created\n$/s,
  );
  t.match(await server.cli(['get', 'gg', '-n', 'fresh', '-o', 'name']), {
    code: 0,
    stdout: 'gadget.example.com/g\n',
  });
  t.match(await server.cli(['get', 'gadgets.example.com', '-A']), { code: 0, stdout: /^NAMESPACE +NAME/ });
});

t.test('a folder is applied as a whole, and pruning deletes what is no longer in it', async t => {
  const dir = t.testdir({
    'a.yaml': ws('red-a', undefined, '{team: red}'),
    'b.yaml': ws('red-b', undefined, '{team: red}'),
    below: { 'c.yaml': ws('red-c', undefined, '{team: red}') },
  });
  t.equal((await server.cli(['apply', '-f', dir, '-R'])).code, 0);
  await server.client.create(WORKSPACE, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'red-else', namespace: 'default', labels: { team: 'red' } },
    spec: { driver: 'memory' },
  });
  const dry = await server.cli(['apply', '-f', dir, '--prune', '-l', 'team=red', '--dry-run']);
  t.match(dry.stdout, /red-c pruned \(dry run\)/);
  const pruned = await server.cli(['apply', '-f', dir, '--prune', '-l', 'team=red']);
  t.match(pruned.stdout, /red-a unchanged\n.*red-c pruned\n$/s);
  t.notMatch(pruned.stdout, /red-else/, 'what was not applied from files stays');
  t.equal((await server.cli(['apply', '-f', dir, '--prune'])).code, EXIT.usage, 'not without -l');
});

t.test('a dry run changes nothing, in whatever way it is asked for', async t => {
  t.match(await server.apply(map('dry', 'x'), '--dry-run'), {
    code: 0,
    stdout: 'configmap/dry created (dry run)\n',
  });
  const asKubectl = await server.apply(map('dry', 'x'), '--dry-run=server');
  t.match(asKubectl, { code: EXIT.usage, stderr: /--dry-run/ });
  t.match(await server.cli(['get', 'cm', 'dry']), { code: EXIT.notFound, stderr: /"dry" not found/ });
});

t.test('a field that another manager owns is a conflict, until it is taken over', async t => {
  await server.apply(map('shared', 'mine'));
  const key = { name: 'shared', namespace: 'default' };
  const theirs = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data: { key: 'theirs' } };
  await server.client.apply(CONFIG_MAP, theirs as never, { fieldManager: 'other', force: true });
  const refused = await server.apply(map('shared', 'mine'));
  t.match(refused, { code: EXIT.conflict, stderr: /other.*--force-conflicts/s });
  t.equal((await server.apply(map('shared', 'mine'), '--force-conflicts')).code, 0);
});

t.test('what cannot be applied is told with its place, and the rest is applied', async t => {
  const bad = ws('bad', '{driver: memory, services: [{name: a, command: x, dependsOn: [a]}]}');
  const { code, stdout, stderr } = await server.apply(map('good', '1') + bad);
  t.equal(code, EXIT.failed);
  t.match(stdout, /configmap\/good created/);
  t.match(stderr, /stdin:6: .*depend on itself.*1 of 2 could not be applied/s);
  for (const [why, text] of Object.entries({
    'an unknown kind': 'apiVersion: example.com/v9\nkind: Nope\nmetadata: {name: a}\n',
    'the same object twice': map('twice', '1') + map('twice', '2'),
    'no name': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n',
    'malformed YAML': 'a: [',
  }))
    t.equal((await server.apply(text)).code, EXIT.usage, why);
  const elsewhere = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n';
  t.match(await server.apply(elsewhere, '-n', 'c'), { code: EXIT.usage, stderr: /namespace is b/ });
  t.match(await server.apply(map('x', '1'), '-o', 'wide'), { code: EXIT.usage });
});

t.test('a field that the schema does not know is an error, not a silence', async t => {
  const { code, stderr } = await server.apply(ws('typo', '{driver: memory, imagee: x}'));
  t.not(code, 0);
  t.match(stderr, /imagee/);
});

t.test('apply -o prints the objects', async t => {
  t.match(await server.apply(map('printed', '1'), '-o', 'name'), { code: 0, stdout: 'configmap/printed\n' });
  const one = JSON.parse((await server.apply(map('printed', '1'), '-o', 'json')).stdout);
  t.match(one, { kind: 'ConfigMap', data: { key: '1' } });
  const two = await server.apply(map('printed', '1') + map('printed2', '1'), '-o', 'json');
  t.match(JSON.parse(two.stdout), { kind: 'List', items: [{ kind: 'ConfigMap' }, { kind: 'ConfigMap' }] });
});

t.test('apply --wait tells condition by condition and ends when the workspace is ready', async t => {
  const { code, stdout, stderr } = await server.apply(ws('waited'), '--wait');
  t.equal(code, EXIT.done, stderr);
  t.match(stdout, /waited created/);
  t.match(stderr, /waited: Ready True/);
  const late = await server.apply(ws('nowhere', '{driver: lxc}'), '--wait', '--timeout', '300ms');
  t.match(late, {
    code: EXIT.timeout,
    stderr: /nowhere is not ready within 0\.3 s[\s\S]*\nnext: nexus describe ws nowhere/,
  });
  t.equal((await server.apply(ws('waited'), '--wait', '--timeout', 'soon')).code, EXIT.usage);
});

t.test('an interrupted wait says that the server goes on, and exits as a shell expects', async t => {
  const abort = new AbortController();
  const running = server.cli(['apply', '-f', '-', '--wait'], {
    stdin: ws('interrupted', '{driver: lxc}'),
    signal: abort.signal,
    onOutput: () => abort.abort('SIGINT'),
  });
  t.match(await running, { code: 130, stderr: /the server goes on/ });
});

t.test('diff shows what an apply would change, and of secrets nothing', async t => {
  const secret = (value: string) =>
    `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: ${value}}\n`;
  await server.apply(secret('oldvalue'));
  const same = await server.cli(['diff', '-f', '-'], { stdin: secret('oldvalue') });
  t.match(same, { code: 0, stdout: '' });
  const differs = await server.cli(['diff', '-f', '-'], { stdin: secret('newvalue') });
  t.match(differs, { code: 1, stdout: /^- +token: "\*\*\* \(before\)"\n\+ +token: "\*\*\* \(after\)"$/m });
  t.notMatch(differs.stdout, /value|bmV3/);
  t.equal(
    Object.keys((await server.client.get(SECRET, { name: 's', namespace: 'default' })).data ?? {}).length,
    1,
  );
  const bad = await server.cli(['diff', '-f', '-'], { stdin: ws('Bad_Name') });
  t.match(bad, { code: EXIT.usage, stderr: /stdin:1/ });
});

t.test('delete waits until nothing is left, and names what is not there', async t => {
  const dir = t.testdir({ 'w.yaml': ws('goes') + map('goes', '1') });
  await server.cli(['apply', '-f', dir, '--wait']);
  const dry = await server.cli(['delete', '-f', dir, '--dry-run']);
  t.match(dry, { code: 0, stdout: /goes deleted \(dry run\)/ });
  const gone = await server.cli(['delete', '-f', dir]);
  t.match(gone, { code: 0, stdout: /^configmap\/goes deleted\nworkspace\.nexus\.dev\/goes deleted\n$/ });
  t.match(await server.cli(['delete', '-f', dir]), { code: EXIT.notFound });
  t.match(await server.cli(['delete', '-f', dir, '--ignore-not-found']), { code: 0 });
  t.match(await server.cli(['delete', 'ws', '-l', 'no=such']), { code: 0, stderr: 'nothing to delete\n' });
  t.match(await server.cli(['delete', 'ws', '-l', 'team=red', '-A']), { code: 0, stdout: /red-a deleted/ });
  for (const wrong of [['ws'], [], ['ws', 'a', '--all'], ['ws', '--all', '-l', 'a=b'], ['ws', '--timeout=x']])
    t.equal((await server.cli(['delete', ...wrong])).code, EXIT.usage, wrong.join(' '));
});

t.test('delete tells what it waits for when the time is over, and --force ends it', async t => {
  await server.apply(
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n',
  );
  const late = await server.cli(['delete', 'cm', 'held', '--timeout', '200ms']);
  t.match(late, { code: EXIT.timeout, stderr: /1 not gone within 200ms/ });
  const key = { name: 'held', namespace: 'default' };
  await server.client.patch(CONFIG_MAP, key, 'merge', { metadata: { finalizers: null } });
  await server.apply(ws('forced'), '--wait');
  t.match(await server.cli(['delete', 'ws', 'forced', '--force']), { code: 0, stdout: /forced deleted/ });
});

t.test(
  'an edit is sent when it was accepted, kept when it cannot be, and dropped when nothing changed',
  async t => {
    await server.apply(map('edited', 'before'));
    const bin = t.testdir({});
    const editor = (name: string, script: string) => {
      mkdirSync(bin, { recursive: true });
      const file = join(bin, name);
      writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return { EDITOR: file };
    };
    const edit = (env: Record<string, string>) => server.cli(['edit', 'cm', 'edited'], { env });
    t.match(await edit(editor('same', 'true')), { code: 0, stdout: 'configmap/edited unchanged\n' });
    t.match(await edit(editor('sed', 'sed -i s/before/after/ "$1"')), {
      code: 0,
      stdout: 'configmap/edited edited\n',
    });
    t.match(await edit(editor('fails', 'exit 3')), { code: EXIT.failed, stderr: /ended with 3/ });
    const stubborn = await edit(editor('rename', 'sed -i "s/name: edited/name: other/" "$1"'));
    t.match(stubborn, { code: EXIT.failed, stdout: /is kept in (\S+)/ });
    const kept = /kept in (\S+)/.exec(stubborn.stdout)?.[1] as string;
    t.match(readFileSync(kept, 'utf8'), /Not accepted:\n# kind and name cannot be changed/);
    t.match(await server.cli(['edit', 'cm', 'nope']), { code: EXIT.notFound });
    t.match(await server.cli(['edit', 'cm']), { code: EXIT.usage });
  },
);
