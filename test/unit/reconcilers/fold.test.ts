import t from 'tap';
import { fold, type Observation } from '../../../controller/reconcilers/workspace/fold.ts';
import { getCondition, isTrue } from '../../../controller/runtime/conditions.ts';
import type { Condition } from '../../../crds/object.ts';
import type { PlacementStatus, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const NOW = Date.UTC(2026, 0, 2);
const SPEC: WorkspaceSpec = {
  services: [
    { name: 'db', command: 'x', port: 5432, healthCheck: { tcp: {} } },
    { name: 'web', command: 'y', port: 3000, exposure: 'Node' },
    { name: 'job', command: 'z' },
  ],
  ports: [{ name: 'debug', port: 9229 }],
};
const forwards = [
  { name: 'db', port: 5432, hostPort: 23000, exposure: 'Private' as const },
  { name: 'web', port: 3000, hostPort: 23001, exposure: 'Node' as const },
  { name: 'debug', port: 9229, hostPort: 23002, exposure: 'Private' as const },
];
type Said = Partial<Record<string, [Condition['status'], string]>>;
const OK: Said = {
  ImageReady: ['True', 'ImagePresent'],
  ContainerReady: ['True', 'ContainerRunning'],
  RepositoryReady: ['True', 'NoRepository'],
  SSHReady: ['True', 'SSHListening'],
  ServicesReady: ['True', 'ServicesHealthy'],
  PortsReady: ['True', 'PortsOpen'],
  Ready: ['True', 'Ready'],
};
const report = (said: Said, extra: Partial<PlacementStatus> = {}): PlacementStatus => ({
  observedGeneration: 1,
  workspaceGeneration: 1,
  container: { id: 'c1', state: 'Running', image: 'debian:12' },
  conditions: Object.entries(said).flatMap(([type, told]) =>
    told
      ? [
          {
            type,
            status: told[0],
            reason: told[1],
            message: `${told[1]}.`,
            lastTransitionTime: '2026-01-01T00:00:00Z',
          },
        ]
      : [],
  ),
  ...extra,
});
const observe = (status: PlacementStatus | undefined, extra: Partial<Observation> = {}): Observation => ({
  workspace: makeWorkspace('w', SPEC),
  placement: makePlacement('w', 'n', { forwards }, { status }),
  node: makeNode('n'),
  hostKeys: ['ssh-ed25519 AAAA'],
  nowMs: NOW,
  ...extra,
});
const unplaced = (extra: Partial<Observation> = {}) =>
  observe(undefined, { placement: undefined, node: undefined, ...extra });
const stopped = makeWorkspace('w', { ...SPEC, running: false });
const onStopped = (status: PlacementStatus, running = false) => ({
  workspace: stopped,
  placement: makePlacement('w', 'n', { running }, { status }),
});

const phases: { reason: string; observation: Observation; target: string; ready?: [string, string] }[] = [
  {
    reason: 'nothing was decided yet',
    observation: unplaced(),
    target: 'Pending',
    ready: ['False', 'Progressing'],
  },
  {
    reason: 'no node fits',
    observation: unplaced({ problem: { reason: 'NoNodeFits', message: 'm' } }),
    target: 'Pending',
    ready: ['False', 'NoNodeFits'],
  },
  {
    reason: 'a spec that contradicts itself, not placed',
    observation: unplaced({ problem: { reason: 'InvalidSpec', message: 'm' } }),
    target: 'Failed',
    ready: ['False', 'InvalidSpec'],
  },
  {
    reason: 'a stopped workspace that was never placed',
    observation: unplaced({ workspace: stopped }),
    target: 'Stopped',
    ready: ['False', 'Stopped'],
  },
  { reason: 'placed, nothing reported', observation: observe(undefined), target: 'Creating' },
  {
    reason: 'an image that is being pulled',
    observation: observe(report({ ImageReady: ['False', 'PullingImage'] }, { container: undefined })),
    target: 'Creating',
  },
  {
    reason: 'an image that cannot be pulled',
    observation: observe(report({ ImageReady: ['False', 'ImagePullFailed'] }, { container: undefined })),
    target: 'Failed',
  },
  { reason: 'everything as declared', observation: observe(report(OK)), target: 'Running' },
  {
    reason: 'everything said to be right, but no container',
    observation: observe(report(OK, { container: { state: 'Missing' } })),
    target: 'Creating',
  },
  {
    reason: 'services that start for the first time',
    observation: observe(
      report({ ...OK, ServicesReady: ['False', 'ServicesStarting'], Ready: ['False', 'Progressing'] }),
    ),
    target: 'Creating',
  },
  {
    reason: 'a service that ended, with SSH there',
    observation: observe(
      report({ ...OK, ServicesReady: ['False', 'ServiceExited'], Ready: ['False', 'Degraded'] }),
    ),
    target: 'Degraded',
  },
  {
    reason: 'a repository that refuses, with SSH there',
    observation: observe(
      report({ ...OK, RepositoryReady: ['False', 'AuthenticationFailed'], Ready: ['False', 'Degraded'] }),
    ),
    target: 'Degraded',
  },
  {
    reason: 'an SSH server that does not start',
    observation: observe(report({ ...OK, SSHReady: ['False', 'SSHFailed'], Ready: ['False', 'Failed'] })),
    target: 'Degraded',
  },
  {
    reason: 'an SSH server that is put up again in a workspace that ran',
    observation: observe(
      report({ ...OK, SSHReady: ['False', 'SSHStarting'], Ready: ['False', 'Progressing'] }),
      { workspace: makeWorkspace('w', SPEC, {}, { phase: 'Running' }) },
    ),
    target: 'Degraded',
    ready: ['False', 'SSHStarting'],
  },
  {
    reason: 'a container that is being replaced, though the old one still runs',
    observation: observe(
      report({ ...OK, ContainerReady: ['False', 'CreatingContainer'], Ready: ['False', 'Progressing'] }),
      { workspace: makeWorkspace('w', SPEC, {}, { phase: 'Running' }) },
    ),
    target: 'Creating',
    ready: ['False', 'Progressing'],
  },
  {
    reason: 'a silent node, whatever was reported last',
    observation: observe(report(OK), { node: makeNode('n', { ready: 'Unknown' }) }),
    target: 'Unknown',
    ready: ['Unknown', 'NodeUnreachable'],
  },
  {
    reason: 'a node that is not known any more',
    observation: observe(report(OK), { node: undefined }),
    target: 'Unknown',
    ready: ['Unknown', 'NodeUnreachable'],
  },
  {
    reason: 'an engine that does not answer',
    observation: observe(report(OK), {
      node: { ...makeNode('n'), status: { drivers: [{ name: 'docker', ready: false }] } },
    }),
    target: 'Unknown',
    ready: ['Unknown', 'DriverUnavailable'],
  },
  {
    reason: 'a bad change of a workspace that runs on',
    observation: observe(report(OK), { problem: { reason: 'InvalidSpec', message: 'm' } }),
    target: 'Degraded',
    ready: ['False', 'InvalidSpec'],
  },
  {
    reason: 'a stop that the agent has not heard of',
    observation: observe(undefined, onStopped(report(OK), true)),
    target: 'Stopping',
  },
  {
    reason: 'a stop that is under way',
    observation: observe(undefined, onStopped(report(OK))),
    target: 'Stopping',
  },
  {
    reason: 'a stop that is done',
    observation: observe(undefined, onStopped(report({}, { container: { state: 'Stopped' } }))),
    target: 'Stopped',
  },
  {
    reason: 'a stopped container that was reported of an older spec',
    observation: observe(
      undefined,
      onStopped(report({}, { observedGeneration: 0, container: { state: 'Stopped' } })),
    ),
    target: 'Stopping',
  },
  {
    reason: 'a deletion',
    observation: observe(report(OK), { deletion: { reason: 'Deleting', message: 'm' } }),
    target: 'Deleting',
    ready: ['False', 'Deleting'],
  },
  {
    reason: 'a placement that somebody deleted',
    observation: {
      ...observe(report(OK)),
      placement: makePlacement(
        'w',
        'n',
        {},
        { status: report(OK), metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
      ),
    },
    target: 'Creating',
  },
];

for (const { reason, observation, target, ready } of phases)
  t.test(`${target}: ${reason}`, async t => {
    const folded = fold(observation);
    t.equal(folded.target, target);
    if (!ready) return;
    const condition = getCondition(folded.status.conditions as Condition[], 'Ready');
    if (folded.status.phase === target) t.same([condition?.status, condition?.reason], ready);
  });

/** Folds until the phase stays, as the passes do. */
function settle(observation: Observation) {
  let { workspace } = observation;
  for (let i = 0; i < 10; i++) {
    const { status, target } = fold({ ...observation, workspace });
    workspace = { ...workspace, status };
    if (status.phase === target) break;
  }
  return workspace;
}

t.test('a workspace that runs tells all that people need', async t => {
  const services: PlacementStatus['services'] = [
    { name: 'db', state: 'Running', health: 'Healthy', restarts: 1, since: '2026-01-01T00:00:00Z' },
    { name: 'web', state: 'Running' },
  ];
  const { status } = settle(
    observe(
      report(OK, {
        services,
        forwards: forwards.map(f => ({ ...f, state: 'Open' as const })),
        repository: { commit: 'abc' },
        restartedAt: 'mark',
      }),
    ),
  );
  t.match(status, {
    phase: 'Running',
    observedGeneration: 1,
    nodeName: 'n',
    placementName: 'w.default',
    image: 'debian:12',
    containerID: 'c1',
    servicesReady: '2/3',
    ssh: { host: 'n.test', port: 2222, user: 'dev', endpoint: 'n.test:2222', hostKeys: ['ssh-ed25519 AAAA'] },
    repository: { commit: 'abc' },
    restartedAt: 'mark',
  });
  t.equal(status?.message, undefined, 'nothing to say');
  t.same(
    status?.services?.map(({ name, state, hostPort, url }) => [name, state, hostPort, url]),
    [
      ['db', 'Running', 23000, 'http://127.0.0.1:23000'],
      ['web', 'Running', 23001, 'http://n.test:23001'],
      ['job', 'Pending', undefined, undefined],
    ],
  );
  t.ok(status?.ports?.every(port => port.state === 'Open'));
  t.same(
    status?.conditions?.map(condition => condition.type),
    [
      'Scheduled',
      'ImageReady',
      'ContainerReady',
      'RepositoryReady',
      'SSHReady',
      'ServicesReady',
      'PortsReady',
      'Ready',
    ],
  );
});

t.test('the same observation later gives the same status', async t => {
  const workspace = settle(observe(report(OK)));
  const again = fold({ ...observe(report(OK)), workspace, nowMs: NOW + 3_600_000 });
  t.same(again.status, workspace.status);
});

t.test('a service with a health check is ready only when it is healthy', async t => {
  const ready = (health: 'Healthy' | 'Unhealthy' | 'Unknown' | undefined, name: string) =>
    fold(observe(report(OK, { services: [{ name, state: 'Running', health }] }))).status.servicesReady;
  t.equal(ready('Healthy', 'db'), '1/3');
  t.equal(ready('Unknown', 'db'), '0/3');
  t.equal(ready('Unknown', 'web'), '1/3', 'without a check, running is enough');
  t.equal(ready('Unhealthy', 'web'), '0/3');
});

t.test('of a silent node nothing is vouched for', async t => {
  const before = settle(
    observe(report(OK, { services: [{ name: 'web', state: 'Running', health: 'Healthy' }] })),
  );
  const { status } = fold({
    ...observe(report(OK, { services: [{ name: 'web', state: 'Running', health: 'Healthy' }] })),
    workspace: before,
    node: undefined,
  });
  t.equal(status.phase, 'Unknown');
  t.equal(status.servicesReady, '0/3');
  t.equal(status.services?.[1]?.health, 'Unknown');
  t.notOk(status.conditions?.some(({ type, status: told }) => told === 'True' && type !== 'Scheduled'));
  t.equal(status.ssh?.host, 'n.test', 'the address that was known stays');
});

t.test('a changed spec is not observed before the agent speaks of it', async t => {
  const running = settle(observe(report(OK)));
  const workspace = { ...running, metadata: { ...running.metadata, generation: 2 } };
  const { status } = fold({ ...observe(report(OK)), workspace });
  t.equal(status.observedGeneration, 1);
  t.equal(status.phase, 'Running');
  t.notOk(isTrue(status.conditions as Condition[], 'Ready', 2));
  const later = fold({ ...observe(report(OK, { workspaceGeneration: 2 })), workspace });
  t.ok(isTrue(later.status.conditions as Condition[], 'Ready', 2));
});

t.test('a forward that the agent reports of another port is not taken for this one', async t => {
  const { status } = fold(
    observe(report(OK, { forwards: [{ name: 'db', port: 5432, hostPort: 1, state: 'Open' }] })),
  );
  t.equal(status.ports?.[0]?.state, undefined);
});

t.test('an IPv6 address is put in brackets', async t => {
  const node = { ...makeNode('n'), spec: { address: '2001:db8::1' } };
  t.equal(fold(observe(report(OK), { node })).status.ssh?.endpoint, '[2001:db8::1]:2222');
});

const movable: WorkspaceSpec = { ...SPEC, onNodeLoss: 'Reschedule' };
const down = report(
  { ContainerReady: ['False', 'ContainerStopped'], Ready: ['False', 'Stopped'] },
  { container: { state: 'Stopped' } },
);
const evicted = (spec: WorkspaceSpec, by: 'Drain' | 'NodeLoss', status: PlacementStatus): Observation => ({
  ...observe(undefined),
  workspace: makeWorkspace('w', spec),
  placement: makePlacement('w', 'n', { running: false, evictedBy: by }, { status }),
});

t.test('one that is stopped because its node is drained says so, and how it goes on', async t => {
  const stopping = fold(evicted(SPEC, 'Drain', report(OK))).status;
  t.match(getCondition(stopping.conditions as Condition[], 'Ready'), { reason: 'NodeDrained' });
  t.notOk(stopping.move);
  const { status, target } = fold(evicted(SPEC, 'Drain', down));
  t.equal(target, 'Stopped');
  t.match(status.message, /nexus node uncordon n/);
});

t.test('a move is told from when it begins until the workspace has arrived', async t => {
  const begun = fold(evicted(movable, 'Drain', report(OK)));
  const move = { from: 'n', reason: 'Drain' };
  t.match([begun.target, begun.status.move], ['Stopping', move]);
  t.match(begun.status.message, /off node n, which is drained.*empty home/);
  const told = makeWorkspace('w', movable, {}, { phase: 'Creating', move: { from: 'n', reason: 'Drain' } });
  const nowhere = fold(unplaced({ workspace: told })).status;
  t.same([nowhere.phase, nowhere.move], ['Pending', move]);
  const there = (status: PlacementStatus | undefined, node = 'm') =>
    fold({
      ...observe(undefined),
      workspace: told,
      placement: makePlacement('w', node, { forwards }, { status }),
      node: makeNode(node),
    }).status;
  t.same(there(undefined).move, move, 'it is being made');
  const broken = there(
    report(
      { ...OK, ContainerReady: ['False', 'ContainerFailed'], Ready: ['False', 'ContainerFailed'] },
      {
        container: { state: 'Missing' },
      },
    ),
  );
  t.match(broken, { phase: 'Failed', move, message: 'ContainerFailed.' }, 'it failed there, and says why');
  t.notOk(there(report(OK)).move, 'it runs');
  t.notOk(there(undefined, 'n').move, 'it stays after all');
  t.notOk(
    fold({ ...evicted({ ...movable, running: false }, 'Drain', down) }).status.move,
    'its owner stopped it',
  );
});

t.test('a lost node says of what may be moved what becomes of it', async t => {
  const lost = { node: makeNode('n', { ready: 'Unknown' }) };
  const workspace = makeWorkspace('w', movable);
  t.match(
    fold(observe(report(OK), { ...lost, workspace })).status.message,
    /Unless it answers in time.*moved/,
  );
  t.match(fold(observe(report(OK), lost)).status.message, /was not touched/);
  const stuck = fold(observe(report(OK), { ...lost, workspace, cannotMove: 'No room.' }));
  t.match([stuck.target, stuck.status.message], ['Unknown', 'Node n is lost. No room.']);
});

t.test('what is known of the repository’s configuration holds until somebody has looked again', async t => {
  const repository = { url: 'https://x/y', ref: 'main', commit: 'c', branch: 'main', dirty: false };
  const config = {
    digest: 'd',
    kept: ['image'],
    drift: { fields: ['services' as const], patch: {}, told: 'services web' },
  };
  const seen = report(OK, { repository: { ...repository, config: { digest: 'd', text: 'the text' } } });
  const first = settle(observe(seen, { config })).status ?? {};
  t.match(first.config, { digest: 'd', kept: ['image'] });
  t.notMatch(JSON.stringify(first), /the text/, 'the text goes no further');
  t.match(getCondition(first.conditions, 'ConfigDrift'), { status: 'True', reason: 'ConfigChanged' });
  t.ok(isTrue(first.conditions, 'Ready'), 'it is none of what makes a workspace ready');
  t.equal(first.message, undefined);
  const workspace = { ...makeWorkspace('w', SPEC), status: first };
  const restarted = fold(observe(report(OK), { workspace })).status;
  t.same(restarted.config, first.config);
  t.match(getCondition(restarted.conditions, 'ConfigDrift'), { status: 'True', reason: 'ConfigChanged' });
  const removed = fold(observe(report(OK, { repository }), { workspace })).status;
  t.equal(removed.config, undefined, 'and is gone with the file');
  t.equal(getCondition(removed.conditions, 'ConfigDrift'), undefined);
});
