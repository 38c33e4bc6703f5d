import t from 'tap';
import { CLONE_EXIT } from '../../../agent/guest/guest.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';

const repo = { url: 'https://example.com/a.git', ref: 'main' };
const probe = (port: number) => ({ http: { path: '/', port }, intervalSeconds: 1, failureThreshold: 1 });

t.test('clones that fail say why, and are repaired by editing the spec, at once', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab, {
    clone: ({ url }) => {
      const exit = /exit-(\d+)/.exec(url)?.[1];
      return { afterMs: 0, exitCode: Number(exit ?? 0), ...(exit && { output: 'fatal: no' }) };
    },
  });
  node.start();
  const rows = [
    ['AuthenticationFailed', CLONE_EXIT.authentication],
    ['RefNotFound', CLONE_EXIT.refNotFound],
    ['CloneFailed', CLONE_EXIT.unreachable],
  ] as const;
  for (const [i, [reason, exit]] of rows.entries()) {
    const name = `shop${i}`;
    await lab.place(name, {
      ssh: { port: 2222 + i },
      repo: { ...repo, url: `https://example.com/exit-${exit}.git` },
      services: [{ name: 'web', command: 'web' }],
    });
    const { status } = await lab.untilReason(name, 'RepositoryReady', reason);
    t.match(status?.services?.[0], { state: 'Waiting' }, 'services wait for it');
    await lab.untilReason(name, 'Ready', 'Degraded');
    await lab.untilReason(name, 'SSHReady', 'SSHListening');
    await lab.untilEvent(name, reason);
    await lab.edit(name, spec => {
      spec.repo = repo;
    });
    await lab.ready(name, 5_000);
  }
});

t.test('a clone that failed is tried again by itself', async t => {
  const lab = await AgentLab.open(t);
  let left = 2;
  const node = memoryNode(lab, {
    clone: () => ({ afterMs: 0, exitCode: left-- > 0 ? CLONE_EXIT.unreachable : 0 }),
  });
  node.start();
  await lab.place('shop', { repo });
  await lab.ready('shop', 15_000);
});

t.test('a changed url never touches the working tree, and says so', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', { repo });
  const { status } = await lab.ready('shop');
  await lab.edit('shop', spec => {
    spec.repo = { url: 'https://example.com/other.git' };
  });
  const kept = await lab.untilReason('shop', 'RepositoryReady', 'RepositoryKept');
  t.same(kept.status?.repository, status?.repository);
});

t.test('a service that exits at once is told, and repaired by editing it', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', {
    services: [
      { name: 'bad', command: 'exit 3' },
      { name: 'good', command: 'serve' },
    ],
  });
  await lab.untilReason('shop', 'ServicesReady', 'ServiceExited');
  const { status } = await lab.untilReason('shop', 'Ready', 'Degraded');
  t.match(
    status?.services?.find(({ name }) => name === 'bad'),
    { state: 'Backoff', exitCode: 3 },
  );
  t.match(
    status?.services?.find(({ name }) => name === 'good'),
    { state: 'Running' },
  );
  await lab.edit('shop', spec => {
    if (spec.services?.[0]) spec.services[0].command = 'serve';
  });
  await lab.ready('shop', 5_000);
});

t.test('a check that never passes makes its service unhealthy and holds back its dependents', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab, { check: () => ({ afterMs: 0, exitCode: 1, output: 'refused' }) });
  node.start();
  await lab.place('shop', {
    services: [
      { name: 'db', command: 'db', port: 80, healthCheck: probe(80) },
      { name: 'web', command: 'web', dependsOn: ['db'] },
    ],
  });
  const { status } = await lab.untilReason('shop', 'ServicesReady', 'ServiceUnhealthy');
  t.match(status?.services, [
    { name: 'db', state: 'Running', health: 'Unhealthy', restarts: 0 },
    { name: 'web', state: 'Waiting', message: 'waits for db' },
  ]);
  await lab.untilEvent('shop', 'ServiceUnhealthy');
  await lab.edit('shop', spec => {
    if (spec.services?.[0]) spec.services[0].healthCheck = undefined;
  });
  await lab.ready('shop', 5_000);
});

t.test('a service that was healthy and fails its check is restarted', async t => {
  const lab = await AgentLab.open(t);
  let isSick = false;
  const node = memoryNode(lab, { check: () => ({ afterMs: 0, exitCode: isSick ? 1 : 0 }) });
  node.start();
  await lab.place('shop', {
    services: [{ name: 'db', command: 'db', port: 80, healthCheck: probe(80) }],
  });
  await lab.ready('shop');
  isSick = true;
  await lab.untilEvent('shop', 'ServiceRestarted');
  isSick = false;
  const { status } = await lab.ready('shop');
  t.equal(status?.services?.[0]?.restarts, 1);
});

t.test('a hook that fails is told, holds back services, and is run again when edited', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', {
    services: [{ name: 'web', command: 'web' }],
    lifecycle: { preStart: 'exit 1' },
  });
  const { status } = await lab.untilReason('shop', 'ServicesReady', 'HookFailed');
  t.match(status?.services?.[0], { state: 'Waiting', message: /preStart/ });
  await lab.edit('shop', spec => {
    spec.lifecycle = { preStart: 'true' };
  });
  await lab.ready('shop', 5_000);
});

t.test('a hook that fails is tried again, ever more slowly, until it succeeds, and then no more', async t => {
  const lab = await AgentLab.open(t);
  const runs: Record<string, number[]> = { preStart: [], postStart: [] };
  const node = memoryNode(lab, {
    hook: hook => ({ afterMs: 0, exitCode: (runs[hook]?.push(Date.now()) ?? 0) < 3 ? 1 : 0 }),
  });
  const home = t.testdir({});
  const agent = node.start({ home });
  await lab.place('shop', {
    services: [{ name: 'web', command: 'web' }],
    lifecycle: { preStart: 'install', postStart: 'seed' },
  });
  await lab.untilReason('shop', 'ServicesReady', 'HookFailed');
  await lab.ready('shop');
  await lab.untilEvent('shop', 'HookFailed', 4);
  await lab.untilEvent('shop', 'HookSucceeded', 2);
  for (const [hook, [first = 0, second = 0, third = 0]] of Object.entries(runs)) {
    t.ok(second - first >= 500, `${hook}: half a second at least`);
    t.ok(third - second >= 1000, `${hook}: twice that`);
  }
  t.equal(node.guest.inside(node.instance('shop').id).services.get('web')?.state.restarts, 0);
  await agent.stop();
  await node.start({ home }).ready;
  await lab.edit('shop', spec => {
    spec.services?.push({ name: 'more', command: 'more' });
  });
  await lab.ready('shop');
  t.same([runs.preStart?.length, runs.postStart?.length], [3, 3], 'what succeeded is not run again');
});

t.test('a login that is refused is told, and a corrected Secret is enough', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.engine.privateImages.set('r.test/app:1', 'right');
  node.start();
  const login = (password: string) => ({ 'image-login': JSON.stringify({ username: 'me', password }) });
  await lab.place('open', { image: 'r.test/app:1', ssh: { port: 2223 } });
  await lab.untilReason('open', 'ImageReady', 'ImagePullDenied');
  await lab.place('shop', { image: 'r.test/app:1', imageLogin: true }, login('wrong'));
  const { status } = await lab.untilReason('shop', 'Ready', 'Failed');
  t.match(status?.conditions?.find(({ type }) => type === 'Ready')?.message, /refused the login/);
  await lab.editSecret('shop', login('right'));
  await lab.ready('shop', 5_000);
});

t.test('a delete is not held up by a preStop that never ends', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab, { hook: () => ({ afterMs: 0, exitCode: 1 }) });
  node.start();
  await lab.place('shop', { lifecycle: { preStop: 'fail' } });
  await lab.ready('shop');
  await lab.delete('shop');
  await lab.untilGone('shop', 5_000);
});

t.test('an image that cannot be given sshd says so', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.engine.unsupportedImages.add('scratch');
  node.start();
  await lab.place('shop', { image: 'scratch' });
  await lab.untilReason('shop', 'ImageReady', 'ImageUnsupported');
});

t.test('an SSH port that is taken is reported; another one is taken up', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.engine.takenPorts.add(2222);
  node.start();
  await lab.place('shop');
  const { status } = await lab.untilReason('shop', 'PortsReady', 'PortConflict');
  t.same(status?.portConflicts, [2222]);
  await lab.edit('shop', spec => {
    spec.ssh.port = 2223;
  });
  const after = await lab.ready('shop', 5_000);
  t.same(after.status?.portConflicts, []);
  t.equal(node.engine.instances.size, 1);
});

t.test('a changed secret variable reaches the services that see it', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  const services = [
    { name: 'sees', command: 'a', env: [{ name: 'TOKEN', secretKey: 'env.0' }] },
    { name: 'blind', command: 'b' },
  ];
  await lab.place('shop', { services }, { 'env.0': 'hunter1' });
  await lab.ready('shop');
  const pids = () =>
    Object.fromEntries(
      [...node.guest.inside(node.instance('shop').id).services.values()].map(({ state }) => [
        state.name,
        state.pid,
      ]),
    );
  const before = pids();
  await lab.editSecret('shop', { 'env.0': 'hunter2' });
  await lab.untilEvent('shop', 'ServiceRestarted');
  await lab.ready('shop');
  t.not(pids().sees, before.sees);
  t.equal(pids().blind, before.blind);
  t.notMatch(JSON.stringify(await lab.events()), /hunter/);
});
