import t, { type Test } from 'tap';
import { EXIT } from '../../cli/errors.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { upLab } from '../support/up-lab.ts';

t.setTimeout(590_000);

await onEachEngine(t, 'a changed .nexus/config.yaml is told, and carried out when its user says so', {
  test,
});

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const lab = await upLab(t, engine);
  const { up } = lab;
  await lab.converge({
    shop: {
      services: [
        { name: 'web', command: 'exec sleep 1000', port: 3000 },
        { name: 'job', command: 'exec sleep 1001' },
      ],
    },
  });
  const ssh = await lab.ssh('shop');
  const sync = (...args: string[]) => up.cli(['workspace', 'sync', 'shop', ...args]);
  const file = (web: string, more = '') =>
    `services:\n  web: {command: ${web}, port: 3000}\n  job: {command: exec sleep 1001}\n${more}`;
  const write = (text: string) =>
    ssh.exec(`mkdir -p workspace/.nexus && printf %s '${text}' > workspace/.nexus/config.yaml`);
  const until = (reason: string, message = /./) =>
    up.untilWorkspace(
      'shop',
      `has ConfigDrift with ${reason}`,
      ({ status }) =>
        status?.conditions?.some(
          c => c.type === 'ConfigDrift' && c.reason === reason && message.test(c.message),
        ) ?? false,
      90_000,
    );
  const pidOf = (name: string) => lab.root('shop', `cat /run/nexus/units/${name}/pid`);

  await t.test('a repository without the file says nothing; one that is as the spec is, so', async t => {
    t.match(await sync(), { code: EXIT.notFound, stderr: /has no repository/ });
    await ssh.exec('git init -q workspace');
    await write(file('exec sleep 1000'));
    const { status } = await until('ConfigApplied');
    t.match(status?.config, { digest: /^[0-9a-f]{64}$/ });
    t.match(await sync(), { code: 0, stdout: 'shop is as its .nexus/config.yaml says\n' });
  });

  await t.test('a change is told and changes nothing; sync carries out what changed', async t => {
    await write(file('exec sleep 2000'));
    const { status, metadata } = await until('ConfigChanged', /services web\b/);
    t.equal(status?.phase, 'Running', 'the workspace works as before');
    t.match(await sync('--dry-run'), { code: 0, stdout: '', stderr: /services web/ });
    t.equal((await up.workspace('shop')).metadata.generation, metadata.generation);
    t.match(
      (await up.cli(['ws', 'status', 'shop'])).stdout,
      /ConfigDrift +ConfigChanged[\s\S]*nexus workspace sync shop/,
    );
    t.equal((await up.cli(['restart', 'shop'])).code, 0);
    await until('ConfigChanged', /services web\b/);
    t.same(
      (await up.workspace('shop')).status?.config?.kept,
      [],
      'a restart makes nobody forget whose a change is',
    );
    const [web, job] = [await pidOf('web'), await pidOf('job')];
    t.match(await sync('--timeout=180s'), { code: 0, stdout: 'shop synced\n' });
    const after = await until('ConfigApplied');
    t.equal(after.spec.services?.find(({ name }) => name === 'web')?.command, 'exec sleep 2000');
    t.same(
      after.metadata.managedFields?.filter(({ manager }) => manager === 'nexus-repo-config').length,
      1,
      'by a name of its own',
    );
    t.not(await pidOf('web'), web);
    t.equal(await pidOf('job'), job, 'the other service was not disturbed');
  });

  await t.test('a file that cannot be read is told with its place, and carried out by nobody', async t => {
    await write('services:\n  web: {command: 5, nonsense: 1}\n');
    await until('ConfigInvalid', /line 2, column/);
    t.match(await sync(), { code: EXIT.failed, stderr: /line 2, column/ });
    await ssh.exec('head -c 20000 /dev/zero | tr "\\0" "#" > workspace/.nexus/config.yaml');
    await until('ConfigInvalid', /larger than 16 KiB/);
    await ssh.exec('rm workspace/.nexus/config.yaml; mkfifo workspace/.nexus/config.yaml');
    await up.untilWorkspace('shop', 'has no such file', ({ status }) => status?.config === undefined, 90_000);
    await ssh.exec('rm workspace/.nexus/config.yaml');
  });

  await t.test('with followConfig a change is carried out by itself', async t => {
    await write(file('exec sleep 2000'));
    await until('ConfigApplied');
    await up.client.patch(WORKSPACE, { name: 'shop', namespace: 'default' }, 'merge', {
      spec: { repo: { url: 'https://git.example.com/acme/shop.git', followConfig: true } },
    });
    await write(file('exec sleep 3000', '  new: {command: exec sleep 3001, port: 3001}\n'));
    const { spec: now } = await up.untilWorkspace(
      'shop',
      'follows',
      ({ spec: { services } }) => services?.length === 3,
      90_000,
    );
    t.match(now.services?.map(({ name, command }) => `${name} ${command}`).sort(), [
      'job exec sleep 1001',
      'new exec sleep 3001',
      'web exec sleep 3000',
    ]);
    await until('ConfigApplied');
  });
}
