import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { PLACEMENT } from '../../../crds/kinds.ts';
import { type AgentProcess, startAgentProcess } from '../../support/agent-process.ts';
import { dockerLab } from '../../support/docker-lab.ts';
import { noTestEngine } from '../../support/engine.ts';

const skip = await noTestEngine();

t.test('an agent that is killed disturbs nothing, and its successor goes on', { skip }, async t => {
  const { lab, place, containers, home, socketPath, docker, node } = await dockerLab(t);
  const options = { home, dockerSocket: socketPath };
  const { ssh } = await place('shop', { services: [{ name: 'web', command: 'exec sleep 1000' }] });
  const first = await startAgentProcess(t, lab, options);
  await ssh.untilLogin();
  await lab.ready('shop', 30_000);
  const [{ Id: id = '' } = {}] = await containers();
  const session = ssh.session();
  t.teardown(session.end);
  t.equal(await session.ask('before'), 'before');

  await first.kill();
  t.equal(await session.ask('without'), 'without');
  const { resourceVersion } = (await lab.get('shop')).metadata;
  const second = await startAgentProcess(t, lab, options);
  await second.ready;
  await lab.ready('shop');
  t.equal(await session.ask('after'), 'after');
  t.equal((await containers())[0]?.Id, id, 'the same container');
  t.equal((await lab.get('shop')).metadata.resourceVersion, resourceVersion, 'nothing was written');

  await t.test('a container that died meanwhile is started by the next one', async t => {
    await second.kill();
    await docker.getContainer(id).kill();
    await startAgentProcess(t, lab, options);
    await ssh.untilLogin();
    await lab.untilEvent('shop', 'ContainerDied');
    t.equal((await containers())[0]?.Id, id);
  });
  await t.test('what a forced delete left is removed when the node is back', async t => {
    await lab.admin.patch(PLACEMENT, { namespace: lab.namespace, name: 'shop.default' }, 'merge', {
      metadata: { finalizers: null },
    });
    await lab.delete('shop');
    await lab.untilGone('shop');
    t.equal((await containers()).length, 1, 'nobody was there to remove it');
    await startAgentProcess(t, lab, options);
    await lab.untilEvent('shop', 'OrphanRemoved', 2);
    t.same(await containers(), []);
    const { Volumes } = await docker.listVolumes({ filters: { label: [`nexus.dev/node=${node}`] } });
    t.same(Volumes ?? [], []);
  });
});

t.test(
  'killed at any moment of create, update and delete, it converges without orphan or double',
  { skip },
  async t => {
    const { lab, place, containers, home, socketPath, docker, node } = await dockerLab(t);
    const options = { home, dockerSocket: socketPath };
    let agent: AgentProcess | undefined;
    /** A moment of life, then SIGKILL. */
    const live = async (ms: number) => {
      agent = await startAgentProcess(t, lab, options);
      await agent.ready;
      await pause(ms);
      await agent.kill();
    };
    const { ssh } = await place('shop', { services: [{ name: 'web', command: 'exec sleep 1000' }] });
    for (let i = 0; i < 3; i++) await live(randomInt(20, 500));
    await lab.edit('shop', spec => {
      spec.restartedAt = new Date().toISOString();
      spec.services?.push({ name: 'more', command: 'exec sleep 1000' });
    });
    await live(randomInt(20, 500));
    agent = await startAgentProcess(t, lab, options);
    await ssh.untilLogin();
    await lab.ready('shop', 40_000);
    t.equal((await containers()).length, 1);
    await lab.delete('shop');
    await agent.kill();
    await live(randomInt(20, 300));
    agent = await startAgentProcess(t, lab, options);
    await lab.untilGone('shop', 30_000);
    t.same(await containers(), []);
    const { Volumes } = await docker.listVolumes({ filters: { label: [`nexus.dev/node=${node}`] } });
    t.same(Volumes ?? [], []);
  },
);
