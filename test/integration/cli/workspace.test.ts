import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { localServer } from '../../support/local-server.ts';

const server = await localServer();
t.teardown(() => server.close());
const ws = (...args: string[]) => server.cli(['workspace', ...args]);
const manifest = (name: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {driver: memory}\n---\n`;
t.equal((await server.apply(manifest('shop') + manifest('blog'), '--wait')).code, 0);

t.test('verbs that are commands too do what those do', async t => {
  t.same(await ws('list'), await server.cli(['get', 'ws']));
  t.match(await ws('list', 'shop', '-o', 'name'), { code: 0, stdout: 'workspace.nexus.dev/shop\n' });
  t.match(await server.cli(['ws', 'stop', 'ws/shop']), { code: 0, stdout: 'shop stopping\n' });
  t.match(await ws('logs', 'shop'), { code: EXIT.failed, stderr: /is stopped\nnext: nexus start shop/ });
  t.match(await ws('exec', 'shop', '-w', '/', '--', 'true'), { code: EXIT.failed, stderr: /is stopped/ });
  t.match(await ws('ssh', 'nope'), { code: EXIT.notFound });
  t.match(await ws('delete', 'ws/blog'), { code: 0, stdout: 'workspace.nexus.dev/blog deleted\n' });
  t.match(await ws('delete'), { code: EXIT.usage, stderr: /which workspaces/ });
  t.match(await server.cli(['-n', 'other', 'ws', 'list']), { stderr: /in other namespace/ });
});

t.test('wrong use says what there is', async t => {
  t.match(await ws(), { code: EXIT.usage, stderr: /which of list, .*\nnext: nexus workspace --help/ });
  t.match(await ws('lgs', 'shop'), { code: EXIT.usage, stderr: /did you mean logs/ });
  t.match(await ws('delete', 'shop', '--nope'), { code: EXIT.usage, stderr: /unknown argument/ });
  t.match(await ws('--help'), { code: 0, stdout: /nexus workspace logs <name>/ });
  t.match(await ws('logs', '--help'), { code: 0, stdout: /--follow/ });
});

t.test('verbs, names and flags are completed', async t => {
  const complete = async (...words: string[]) =>
    (await server.cli(['--get-yargs-completions', 'nexus', ...words])).stdout.split('\n');
  t.ok((await complete('ws', '')).includes('restart'));
  t.ok((await complete('workspace', 'logs', '')).includes('shop'));
  t.ok((await complete('ws', 'logs', '--')).includes('--follow'));
});
