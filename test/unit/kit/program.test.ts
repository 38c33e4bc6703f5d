import t from 'tap';
import {
  listShipped,
  ownCommand,
  programVersion,
  RELEASE,
  type Release,
  readShipped,
} from '../../../controller/kit/program.ts';
import { VERSION } from '../../../controller/kit/version.ts';

const global = globalThis as { [RELEASE]?: Release };
t.afterEach(() => {
  delete global[RELEASE];
});

const FILES = { 'crds/b.yaml': 'b: 1', 'crds/a.yaml': 'a: 1', 'crds-else/c.yaml': 'c: 1' };

t.test('files that ship are found from the root of a checkout', t => {
  t.match(readShipped('crds/workspace.yaml'), /kind: CustomResourceDefinition/);
  t.ok(listShipped('agent/guest/program').includes('agent/guest/program/shell.sh'));
  t.same(programVersion(), { version: VERSION, build: 'source' });
  t.match(ownCommand().args.at(-1), /\/cli\/main\.ts$/);
  t.end();
});

t.test('a release has its own, and says which one it lacks', t => {
  global[RELEASE] = { version: '1.2.3', commit: 'abc', modified: true, files: () => FILES };
  t.equal(readShipped('crds/a.yaml'), 'a: 1');
  t.same(listShipped('crds'), ['crds/a.yaml', 'crds/b.yaml']);
  t.throws(() => readShipped('crds/missing.yaml'), /does not carry crds\/missing\.yaml/);
  t.same(programVersion(), { version: '1.2.3', build: 'release, commit abc with changes' });
  t.end();
});

t.test('an executable runs itself, a bundle its file, with the flags that Node.js was given', t => {
  global[RELEASE] = { version: '1.2.3', files: () => FILES };
  t.same(ownCommand(), { file: process.execPath, args: [] });
  global[RELEASE] = { version: '1.2.3', main: '/opt/nexus/nexus.cjs', files: () => FILES };
  t.same(ownCommand(), { file: process.execPath, args: [...process.execArgv, '/opt/nexus/nexus.cjs'] });
  t.equal(programVersion().build, 'bundle');
  t.end();
});
