import t, { type Test } from 'tap';
import { LABEL_NODE } from '../../crds/names.ts';
import { watchAlone } from '../support/alone.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { joinedAgent } from '../support/joined-agent.ts';
import { noPodman, startPodman } from '../support/podman.ts';
import { until } from '../support/until.ts';
import { isReady, upLab } from '../support/up-lab.ts';

t.setTimeout(590_000);
const found = await findTestEngine();
const skip = ('problem' in found && found.problem) || (await noPodman());

/** Two engines, as two machines would have: the server's node on Docker, another one on Podman. */
async function openLab(t: Test, args: string[] = []) {
  if ('problem' in found) throw new Error(found.problem);
  const podman = await startPodman(t);
  const other = dockerByHand(podman);
  await other.image();
  const lab = await upLab(t, dockerByHand(found), { args });
  return { ...lab, other, engines: [found.docker, podman.docker] as const };
}

const manifest = (name: string, image: string, spec: string) => `
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: ${name}}
spec: {image: '${image}', ${spec}}
`;

t.test('a drain moves one to another engine, stops the other, and uncordon undoes it', { skip }, async t => {
  const lab = await openLab(t);
  const { up, engines, image } = lab;
  const both = `${manifest('moves', image, 'onNodeLoss: Reschedule')}---${manifest('stays', image, 'running: true')}`;
  t.equal((await up.apply(both, '--wait', '--timeout', '180s')).code, 0);
  const stays = await lab.ssh('stays');
  await stays.exec('echo mine >kept');
  const life = await lab.life('stays');
  const { name } = await joinedAgent(t, lab, { engine: lab.other });
  const { metadata } = await up.workspace('moves');
  const alone = await watchAlone(t, engines, metadata.uid ?? '');

  const drained = await up.cli(['node', 'drain', up.node, '--timeout', '180s']);
  t.equal(drained.code, 0, drained.stderr);
  t.match(drained.stdout, /drained\nworkspace default\/stays is stopped there/);
  t.match(drained.stderr, /2 workspaces are left: default\/moves being moved/);
  const moved = await up.workspace('moves');
  t.ok(isReady(moved), `it runs: ${JSON.stringify(moved.status)}`);
  t.equal(moved.status?.nodeName, name);
  t.equal(alone.starts.length, 1, 'it was watched as it began');
  t.same(await alone.violations(), []);
  t.equal(await (await lab.ssh('moves')).exec('ls ~/kept 2>/dev/null || echo empty'), 'empty');
  const filters = { label: [`${LABEL_NODE}=${up.node}`], status: ['running'] };
  t.same(await engines[0].listContainers({ filters }), [], 'nothing runs on the node');

  t.equal((await up.cli(['node', 'uncordon', up.node])).code, 0);
  await lab.ready('stays');
  t.equal((await lab.life('stays')).id, life.id, 'the same container');
  t.equal(await (await lab.ssh('stays')).exec('cat kept'), 'mine');
  t.equal((await up.workspace('moves')).status?.nodeName, name, 'what moved does not move back');
});

t.test(
  'an agent that is stopped past its fence: its workspace moves, and never runs twice',
  { skip },
  async t => {
    const lab = await openLab(t, ['--node-grace=5s', '--heartbeat=1s']);
    const { up, engines, image } = lab;
    const b = await joinedAgent(t, lab, {
      engine: lab.other,
      args: ['--heartbeat=1s', '--fence-time=4s'],
    });
    t.equal((await up.cli(['node', 'cordon', up.node])).code, 0);
    const applied = await up.apply(
      manifest('moves', image, 'onNodeLoss: Reschedule'),
      '--wait',
      '--timeout',
      '90s',
    );
    t.equal(applied.code, 0, applied.stderr);
    t.equal((await up.cli(['node', 'uncordon', up.node])).code, 0);
    const { metadata, status } = await up.workspace('moves');
    t.equal(status?.nodeName, b.name);
    const former = status?.containerID ?? '';
    const alone = await watchAlone(t, engines, metadata.uid ?? '');

    b.process.kill('SIGSTOP');
    await up.untilWorkspace('moves', 'is unknown', ({ status }) => status?.phase === 'Unknown', 30_000);
    const ended = async () => (await lab.other.look(former))?.isRunning === false;
    await until(ended, {
      timeoutMs: 40_000,
      everyMs: 200,
      what: () => 'it to end by itself on the lost node',
    });
    await up.untilWorkspace(
      'moves',
      'runs on the other node',
      workspace => isReady(workspace) && workspace.status?.nodeName === up.node,
      90_000,
    );
    t.equal(alone.starts.length, 1);
    t.same(await alone.violations(), []);

    b.process.kill('SIGCONT');
    const left = () => lab.other.instances(b.name);
    await until(async () => (await left()).length === 0, {
      timeoutMs: 30_000,
      everyMs: 200,
      what: () => `what was left to be removed\n${b.log().slice(-3000)}`,
    });
    t.equal(alone.starts.length, 1, 'the former was not started again');
    t.same(await alone.violations(), []);
    t.ok(isReady(await up.workspace('moves')));
  },
);
