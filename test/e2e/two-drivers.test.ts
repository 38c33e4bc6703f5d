import t from 'tap';
import { NODE } from '../../crds/kinds.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { lxdByHand } from '../support/lxd-by-hand.ts';
import { noLxd, startLxd } from '../support/lxd-lab.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { tellWhenFailed } from '../support/tell-when-failed.ts';
import { untilObject } from '../support/until-object.ts';
import { isReady, webServer, workspaceManifest } from '../support/up-lab.ts';

t.setTimeout(590_000);
const found = await findTestEngine();
const skip = noLxd() || ('problem' in found && found.problem);

t.test('Docker and LXD on one node', { skip }, async t => {
  if ('problem' in found) return;
  const docker = dockerByHand(found);
  const lab = await startLxd(t);
  const lxd = lxdByHand(lab);
  const up = await nexusUp({
    engine: {
      // Which of them there are is found out.
      args: [`--docker-socket=${found.socketPath}`, `--lxd-socket=${lab.socketPath}`],
      clear: async node => void (await Promise.all([docker, lxd].map(engine => engine.clear(node)))),
    },
  });
  t.teardown(() => up.destroy());
  tellWhenFailed(t, () => ({ client: up.client, logs: { 'nexus up': up.log } }));
  const images = { docker: await docker.image(), lxc: await lxd.image() };
  const web = { name: 'web', port: 3000, command: webServer(3000, 'one').replace('127.0.0.1', '0.0.0.0') };

  await t.test('the node tells both, and so does doctor', async t => {
    const { status } = await up.client.get(NODE, { name: up.node });
    t.match(status?.drivers, [
      { name: 'docker', ready: true },
      { name: 'lxc', ready: true, version: /^LXD / },
    ]);
    const env = { NEXUS_DOCKER_SOCKET: found.socketPath, NEXUS_LXD_SOCKET: lab.socketPath };
    const { stdout } = await up.cli(['doctor'], { env });
    t.match(stdout, /ok +container engine here: /);
    t.match(stdout, /ok +LXD or Incus here: LXD \d/);
  });

  await t.test('a workspace on each at once, and one that leaves it open', async t => {
    const manifests = [
      workspaceManifest('on-docker', { driver: 'docker', image: images.docker, services: [web] }),
      workspaceManifest('on-lxd', { driver: 'lxc', image: images.lxc, services: [web] }),
      workspaceManifest('open', { image: images.docker }),
    ];
    const { code, stderr } = await up.apply(manifests.join('\n---\n'), '--wait', '--timeout=180s');
    t.equal(code, 0, stderr);
    const names = async (engine: typeof docker) =>
      (await engine.instances(up.node)).map(name => name.replace(/^nexus-|[.-]default-\w+$/g, '')).sort();
    t.same(await names(docker), ['on-docker', 'open']);
    t.same(await names(lxd), ['on-lxd']);
    for (const name of ['on-docker', 'on-lxd', 'open'])
      t.match(await up.cli(['exec', name, '--', 'hostname']), { code: 0, stdout: `${name}\n` });
  });

  await t.test('a driver that the node lacks is told, and what to do', async t => {
    t.equal(
      (await up.apply(workspaceManifest('nowhere', { driver: 'kubernetes', image: 'debian:12' }))).code,
      0,
    );
    const { status } = await up.untilWorkspace(
      'nowhere',
      'is told to fit nowhere',
      ({ status }) => status?.conditions?.some(({ reason }) => reason === 'NoNodeFits') ?? false,
      15_000,
    );
    const scheduled = status?.conditions?.find(({ type }) => type === 'Scheduled');
    t.match(scheduled, { status: 'False', message: /^0\/1 nodes: 1 lacks driver kubernetes\. .*add a node/ });
    t.equal(status?.phase, 'Pending');
    await up.apply(workspaceManifest('nowhere', { driver: 'lxc', image: images.lxc }));
    await up.untilWorkspace('nowhere', 'is ready once it asks for one that is there', isReady, 40_000);
  });

  await t.test('workspaces of one engine do not reach those of the other', async t => {
    const idOf = async (name: string) => (await up.workspace(name)).status?.containerID ?? '';
    const [onDocker, onLxd] = [await idOf('on-docker'), await idOf('on-lxd')];
    const addresses = {
      docker: (await docker.look(onDocker))?.address ?? '',
      lxd: (await lxd.look(onLxd))?.address ?? '',
    };
    const hostPort = async (name: string) => (await up.workspace(name)).status?.ssh?.port ?? 0;
    const reach = (host: string, port: number) =>
      `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>/dev/null && echo yes || echo no`;
    t.equal(await docker.root(onDocker, reach(addresses.docker, 3000)), 'yes', 'the way to ask works');
    t.equal(await lxd.root(onLxd, reach(addresses.lxd, 3000)), 'yes');
    for (const port of [22, 3000]) {
      t.equal(await docker.root(onDocker, reach(addresses.lxd, port)), 'no');
      t.equal(await lxd.root(onLxd, reach(addresses.docker, port)), 'no');
    }
    t.equal(await docker.root(onDocker, reach('node.nexus.internal', await hostPort('on-lxd'))), 'no');
    t.equal(await lxd.root(onLxd, reach('node.nexus.internal', await hostPort('on-docker'))), 'no');
  });

  await t.test('one of them may go away without the other', async t => {
    await lab.stop('SIGKILL');
    await up.untilWorkspace('on-lxd', 'is unknown', ({ status }) => status?.phase === 'Unknown', 30_000);
    await untilObject(
      up.client,
      NODE,
      { name: up.node },
      {
        look: node => node?.status?.drivers?.some(({ name, ready }) => name === 'lxc' && !ready),
        timeoutMs: 15_000,
        what: last => `a driver lxc that is not ready; it is ${JSON.stringify(last?.status?.drivers)}`,
      },
    );
    t.match((await up.workspace('on-docker')).status, { phase: 'Running' });
    await lab.start();
    await up.untilWorkspace('on-lxd', 'is ready again', isReady, 30_000);
  });

  await t.test('a drain stops what is on either, and its end starts it', async t => {
    const names = ['nowhere', 'on-docker', 'on-lxd', 'open'];
    const drained = await up.cli(['node', 'drain', up.node, '--max-concurrent=4', '--timeout=180s']);
    t.match(drained, { code: 0, stdout: new RegExp(`node/${up.node} drained`) }, drained.stderr);
    const look = async (name: string) => {
      const { spec, status } = await up.workspace(name);
      const engine = spec.driver === 'lxc' ? lxd : docker;
      return { phase: status?.phase, isRunning: (await engine.look(status?.containerID ?? ''))?.isRunning };
    };
    const found = await Promise.all(names.map(look));
    t.same(
      found,
      names.map(() => ({ phase: 'Stopped', isRunning: false })),
    );
    t.equal((await up.cli(['node', 'uncordon', up.node])).code, 0);
    await Promise.all(names.map(name => up.untilWorkspace(name, 'goes on', isReady, 40_000)));
  });

  const { code, stderr } = await up.cli(['delete', 'ws', '--all', '--timeout=180s']);
  t.equal(code, 0, stderr);
  for (const engine of [docker, lxd]) t.same(await engine.instances(up.node), []);
});
