import { execFile } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { buildRelease } from '../../support/build-release.ts';
import { copyCheckout } from '../../support/checkout-copy.ts';

const run = promisify(execFile);

/** In JSON, which is YAML that is read by the whole library; the token is had from a program. */
const ASKS_A_PROGRAM = {
  clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  'current-context': 'a',
  users: [
    {
      name: 'a',
      user: { exec: { command: 'sh', args: ['-c', 'echo asked >&2; exit 1'], apiVersion: 'v1' } },
    },
  ],
};

t.test(
  'the launcher runs the bundle while it is of the sources as they are, and never otherwise',
  async t => {
    const checkout = copyCheckout(t);
    const home = t.testdir({ asks: JSON.stringify(ASKS_A_PROGRAM) });
    const build = () => buildRelease(['--bundle'], checkout);
    const nexus = (...args: string[]) =>
      run(join(checkout, 'cli/nexus'), args, {
        env: { ...process.env, LANG: 'de_DE.UTF-8', HOME: home, NEXUS_HOME: home },
      }).catch((error: { stdout: string; stderr: string }) => error);
    const version = async () => (await nexus('version', '--client')).stdout;
    const edit = (path: string, from: string, to: string) => {
      const file = join(checkout, path);
      const text = readFileSync(file, 'utf8');
      t.ok(text.includes(from), `${path} has what is edited`);
      writeFileSync(file, text.replaceAll(from, to));
    };

    t.match(await version(), /\(source;/, 'without a bundle the sources run');
    const { stdout: help } = await nexus('workspace', 'create', '--help');
    await build();
    t.match(await version(), /\(bundle;/);
    t.equal((await nexus('workspace', 'create', '--help')).stdout, help, 'what it leaves out is not missed');
    const asking = await nexus('get', 'ws', '--kubeconfig', join(home, 'asks'));
    t.match(asking.stderr, /the credentials of context a cannot be had: asked/);
    t.match((await nexus('get', 'ws')).stderr, /there is no kubeconfig/);

    edit('cli/commands/version.ts', 'context.print(`nexus', 'context.print(`edited nexus');
    t.match(await version(), /edited nexus .*\(source;/);
    t.match((await nexus('get', 'ws')).stderr, /there is no kubeconfig/, 'one that does not use it goes on');

    const kubeconfig = join(checkout, 'controller/client/kubeconfig.ts');
    const { atime, mtime } = statSync(kubeconfig);
    edit('controller/client/kubeconfig.ts', 'there is no kubeconfig', 'there is no xubeconfig');
    utimesSync(kubeconfig, atime, mtime);
    t.match((await nexus('get', 'ws')).stderr, /no xubeconfig/, 'neither size nor time of the content tells');

    await build();
    t.match(await version(), /edited nexus .*\(bundle;/);
    writeFileSync(join(checkout, 'crds/another.yaml'), '');
    t.match(await version(), /\(source;/, 'a file that would ship is new');

    appendFileSync(join(checkout, 'cli/errors.ts'), "export const here = new URL('.', import.meta.url);\n");
    const refused = await build().catch((error: { stderr: string }) => error.stderr);
    t.match(refused, /cli\/errors\.ts uses import\.meta; .*readShipped/);
  },
);
