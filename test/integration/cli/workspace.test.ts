import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { localServer } from '../../support/local-server.ts';
import type { CliResult } from '../../support/run-cli.ts';

const server = await localServer();
t.teardown(() => server.close());
const ws = (...args: string[]) => server.cli(['workspace', ...args]);
const manifest = (name: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {driver: memory}\n---\n`;
t.equal((await server.apply(manifest('shop') + manifest('blog'), '--wait')).code, 0);

t.test('verbs that are commands too do what those do', async t => {
  const ageless = ({ stdout, ...rest }: CliResult) => ({ ...rest, stdout: stdout.replace(/\d+s$/gm, '') });
  t.same(ageless(await ws('list')), ageless(await server.cli(['get', 'ws'])));
  t.match(await ws('list', 'shop', '-o', 'name'), { code: 0, stdout: 'workspace.nexus.dev/shop\n' });
  t.match(await server.cli(['ws', 'stop', 'ws/shop']), { code: 0, stdout: 'shop stopping\n' });
  t.match(await ws('logs', 'shop'), { code: EXIT.failed, stderr: /is stopped\nnext: nexus start shop/ });
  t.match(await ws('exec', 'shop', '-w', '/', '--', 'true'), { code: EXIT.failed, stderr: /is stopped/ });
  t.match(await ws('ssh', 'nope'), { code: EXIT.notFound });
  t.match(await ws('delete', 'ws/blog'), { code: 0, stdout: 'workspace.nexus.dev/blog deleted\n' });
  t.match(await ws('delete'), { code: EXIT.usage, stderr: /which workspaces/ });
  t.match(await server.cli(['-n', 'other', 'ws', 'list']), { stderr: /in other namespace/ });
});

t.test('status and services tell of one, now and as it changes', async t => {
  await server.apply(
    manifest('api').replace(
      'memory}',
      'memory, services: [{name: web, command: x, port: 80}, {name: job, command: x}]}',
    ),
    '--wait',
  );
  t.match(await ws('sync', 'api'), { code: EXIT.notFound, stderr: /has no repository/ });
  t.match(await ws('status', 'api'), { code: 0, stdout: /^api {2}Running\n[\s\S]*^Services: 2\/2 up$/m });
  t.match(JSON.parse((await ws('services', 'api', '-o', 'json')).stdout), {
    workspace: 'api',
    namespace: 'default',
    services: [{ name: 'web', status: 'Running', port: 80, isUp: true }, { name: 'job' }],
  });
  t.match(await ws('services', 'api', '-o', 'xml'), { code: EXIT.usage });
  t.match(await ws('services', 'shop'), { code: 0, stdout: /declares no services/ });
  for (const verb of ['status', 'services', 'open'])
    t.match(await ws(verb, 'nope'), {
      code: EXIT.notFound,
      stderr: /no workspace nope .*\nnext: nexus workspace list/,
    });
  const abort = new AbortController();
  const follow = (verb: string, until: RegExp) =>
    server.cli(['ws', verb, 'api', '-w'], {
      signal: abort.signal,
      onOutput: text => {
        if (until.test(text)) abort.abort('SIGINT');
      },
    });
  const watching = server.cli(['ws', 'status', 'api', '-w']);
  const services = follow('services', /^web Stopped .*\(the workspace is stopped\)$/m);
  t.equal((await ws('stop', 'api')).code, 0);
  t.match(await services, { code: 0 });
  t.equal((await ws('delete', 'api')).code, 0);
  const { code, stdout, stderr } = await watching;
  t.equal(code, 0);
  t.match(stdout, /^api: Running$[\s\S]*^api: Stopped/m);
  t.match(stderr, /api was deleted/);
});

t.test('open takes a service that has a port', async t => {
  await server.apply(
    manifest('bare').replace('memory}', 'memory, services: [{name: job, command: x}]}'),
    '--wait',
  );
  t.match(await ws('open', 'bare'), {
    code: EXIT.notFound,
    stderr: /no service of workspace bare has a port/,
  });
  t.match(await ws('open', 'bare', 'job'), { code: EXIT.notFound, stderr: /no service "job" with a port/ });
});

t.test('wrong use says what there is', async t => {
  t.match(await ws(), { code: EXIT.usage, stderr: /which of .*list, .*\nnext: nexus workspace --help/ });
  t.match(await ws('lgs', 'shop'), { code: EXIT.usage, stderr: /did you mean logs/ });
  t.match(await ws('delete', 'shop', '--nope'), { code: EXIT.usage, stderr: /there is no option --nope/ });
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
