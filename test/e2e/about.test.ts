import t, { type Test } from 'tap';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { until } from '../support/until.ts';
import { upLab } from '../support/up-lab.ts';

t.setTimeout(590_000);

await onEachEngine(t, 'services and sessions are told of the workspace', { test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const lab = await upLab(t, engine);
  const told = 'env | grep ^NEXUS_ | sort; exec sleep 1000';
  const spec: WorkspaceSpec = {
    services: [
      { name: 'my-web', command: told, port: 3000 },
      { name: 'api', command: `echo "api at $NEXUS_SERVICE_MY_WEB_PORT"; ${told}`, port: 4000 },
    ],
  };
  const converge = () => lab.converge({ shop: spec });
  await converge();
  const ssh = await lab.ssh('shop');
  const pidOf = (name: string) => lab.root('shop', `cat /run/nexus/units/${name}/pid`);
  const session = async () => `${await ssh.exec('env | grep ^NEXUS_ | sort')}\n`;
  const ABOUT = [
    'NEXUS_SERVICE_API_PORT=4000',
    'NEXUS_SERVICE_API_URL=http://localhost:4000',
    'NEXUS_SERVICE_MY_WEB_PORT=3000',
    'NEXUS_SERVICE_MY_WEB_URL=http://localhost:3000',
    'NEXUS_WORKSPACE=shop',
    '',
  ].join('\n');

  await t.test('each service and each session sees the same', async t => {
    const log = (name: string) => lab.root('shop', `cat /var/log/nexus/${name}.log`);
    await until(async () => (await log('my-web')).includes('NEXUS_WORKSPACE'), {
      timeoutMs: 15_000,
      what: () => 'the log of my-web',
    });
    t.equal(`${(await log('my-web')).trim()}\n`, ABOUT);
    t.equal(await session(), ABOUT);
  });

  await t.test('an added service and a changed port restart nobody but who names it', async t => {
    const before = [await pidOf('my-web'), await pidOf('api')];
    spec.services?.push({ name: 'db', command: told, port: 5432 });
    await converge();
    t.same([await pidOf('my-web'), await pidOf('api')], before);
    t.match(await session(), /^NEXUS_SERVICE_DB_PORT=5432$/m, 'a new session knows it');
    const web = spec.services?.[0];
    if (web) web.port = 3001;
    await converge();
    t.equal(await pidOf('my-web'), before[0], 'a changed port restarts no container, nor its service');
    t.not(await pidOf('api'), before[1], 'its command names the port');
    t.match(await lab.root('shop', 'cat /var/log/nexus/api.log'), /api at 3000[\s\S]*api at 3001/);
  });
}
