import t from 'tap';
import { CLONE_EXIT } from '../../../agent/guest/guest.ts';
import type { Desired } from '../../../agent/model/desired.ts';
import type { Observed } from '../../../agent/model/observed.ts';
import { settleMs } from '../../../agent/status/service-status.ts';
import { summarize } from '../../../agent/status/summarize.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';
import { CONDITIONS, REASONS } from '../../../crds/vocabulary.ts';
import {
  desiredOf,
  guestOf,
  HOST_KEY,
  instanceOf,
  nothingOf,
  type SpecPatch,
  serviceOf,
  settledOf,
} from '../../support/agent-data.ts';

const NOW = Date.UTC(2026, 0, 1);
const shop: SpecPatch = {
  services: [
    { name: 'db', command: 'db', port: 5432, healthCheck: { tcp: {} } },
    { name: 'web', command: 'web', port: 3000, dependsOn: ['db'] },
  ],
  forwards: [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }],
};
const repo = { url: 'https://u:p@example.com/a.git', ref: 'main' };
const tree = { url: 'https://example.com/a.git', commit: 'c', branch: 'main', dirty: false };
const failure = (
  code: 'PortInUse' | 'Internal' | 'ImageDenied' | 'ImageNotFound' | 'ImageUnsupported',
  ports?: number[],
) => ({
  code,
  message: 'why',
  ...(ports && { ports }),
});
const job = (state: 'Running' | 'Failed' | 'Succeeded', token: string, exitCode?: number) => ({
  state,
  token,
  ...(exitCode !== undefined && { exitCode }),
});
const cloning = (d: Desired, state: 'Running' | 'Failed' | 'Succeeded', exitCode?: number) =>
  settledOf(d, {
    guest: guestOf(d, { jobs: { clone: job(state, `${d.repo?.token}.1`, exitCode) }, services: [] }),
  });

const keptOnly = desiredOf(
  {
    repo: { ...repo, credentials: true },
    services: [
      { name: 'free', command: 'f' },
      { name: 'web', command: 'w', env: [{ name: 'TOKEN', secretKey: 'env.0' }] },
    ],
  },
  { values: { 'env.0': 'hunter2' }, secret: false, hostKey: HOST_KEY.privateKey },
);

interface Row {
  reason: string;
  desired: Desired;
  observed: (desired: Desired) => Observed;
  /** `Type=Status/Reason`; those that are not named are not looked at. */
  want: string[];
}

const rows: Row[] = [
  {
    reason: 'everything is as declared',
    desired: desiredOf(shop),
    observed: settledOf,
    want: [
      'ImageReady=True/ImagePresent',
      'ContainerReady=True/ContainerRunning',
      'RepositoryReady=True/NoRepository',
      'SSHReady=True/SSHListening',
      'ServicesReady=True/ServicesHealthy',
      'PortsReady=True/PortsOpen',
      'Ready=True/Ready',
    ],
  },
  {
    reason: 'the node reached no server for too long',
    desired: desiredOf({ ...shop, onNodeLoss: 'Reschedule' }),
    observed: d => settledOf(d, { fence: 'Stop', instance: instanceOf(d, { state: 'Stopped' }) }),
    want: ['ContainerReady=False/Fenced', 'SSHReady=False/Fenced', 'Ready=False/Progressing'],
  },
  {
    reason: 'the Secret is out of reach, and its host key is not',
    desired: keptOnly,
    observed: d => settledOf(d, { guest: guestOf(d, { services: [serviceOf(d, 'free')] }) }),
    want: [
      'SSHReady=True/SSHListening',
      'RepositoryReady=False/Cloning',
      'ServicesReady=False/WaitingForDependency',
      'Ready=False/Progressing',
    ],
  },
  {
    reason: 'nothing is declared but the workspace',
    desired: desiredOf(),
    observed: settledOf,
    want: ['ServicesReady=True/NoServices', 'PortsReady=True/NoPorts', 'Ready=True/Ready'],
  },
  {
    reason: 'the image is pulled',
    desired: desiredOf(),
    observed: () => nothingOf({ image: { state: 'Fetching', phase: 'pulling', message: 'pulling a' } }),
    want: [
      'ImageReady=False/PullingImage',
      'ContainerReady=False/CreatingContainer',
      'SSHReady=False/SSHStarting',
      'Ready=False/Progressing',
    ],
  },
  {
    reason: 'sshd is added to it',
    desired: desiredOf(),
    observed: () => nothingOf({ image: { state: 'Fetching', phase: 'building', message: 'm' } }),
    want: ['ImageReady=False/BuildingImage'],
  },
  {
    reason: 'it is about to be pulled',
    desired: desiredOf(),
    observed: () => nothingOf({ image: { state: 'Absent' } }),
    want: ['ImageReady=False/PullingImage'],
  },
  {
    reason: 'no registry has it',
    desired: desiredOf(),
    observed: () =>
      nothingOf({ image: { state: 'Absent' }, failures: { ensureImage: failure('ImageNotFound') } }),
    want: ['ImageReady=False/ImageNotFound', 'Ready=False/Failed'],
  },
  {
    reason: 'ours was not made, and a registry asks for a login',
    desired: desiredOf({ image: 'nexus-workspace:0.1.0' }),
    observed: () =>
      nothingOf({ image: { state: 'Absent' }, failures: { ensureImage: failure('ImageDenied') } }),
    want: ['ImageReady=False/ImageNotFound', 'Ready=False/Failed'],
  },
  {
    reason: 'it cannot be given sshd',
    desired: desiredOf(),
    observed: () =>
      nothingOf({ image: { state: 'Absent' }, failures: { ensureImage: failure('ImageUnsupported') } }),
    want: ['ImageReady=False/ImageUnsupported', 'Ready=False/Failed'],
  },
  {
    reason: 'the engine refuses the container',
    desired: desiredOf(),
    observed: () =>
      nothingOf({ image: { state: 'Present', id: 'i' }, failures: { create: failure('Internal') } }),
    want: ['ContainerReady=False/ContainerFailed', 'Ready=False/Failed'],
  },
  {
    reason: 'and new limits',
    desired: desiredOf(),
    observed: d => settledOf(d, { failures: { update: failure('Internal') } }),
    want: ['ContainerReady=False/ContainerFailed'],
  },
  {
    reason: 'the SSH port is taken: another is given out',
    desired: desiredOf(),
    observed: d =>
      settledOf(d, {
        instance: instanceOf(d, { state: 'Created' }),
        guest: undefined,
        failures: { start: failure('PortInUse', [2222]) },
      }),
    want: ['ContainerReady=False/PortConflict', 'PortsReady=False/PortConflict', 'Ready=False/Progressing'],
  },
  {
    reason: 'a port of a service is taken',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        forwards: {
          web: { port: 3000, hostPort: 23000, exposure: 'Private', state: 'Failed', reason: 'Conflict' },
        },
      }),
    want: ['PortsReady=False/PortConflict', 'Ready=False/Degraded'],
  },
  {
    reason: 'a port that another workspace is about to release',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        forwards: {
          web: { port: 3000, hostPort: 23000, exposure: 'Private', state: 'Failed', reason: 'Busy' },
        },
      }),
    want: ['PortsReady=False/PortsPending', 'Ready=False/Progressing'],
  },
  {
    reason: 'a port that is not open yet',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { forwards: {} }),
    want: ['PortsReady=False/PortsPending'],
  },
  {
    reason: 'the container was removed',
    desired: desiredOf(),
    observed: () => nothingOf({ known: 'Running', image: { state: 'Present', id: 'i' } }),
    want: ['ContainerReady=False/ContainerMissing', 'Ready=False/Progressing'],
  },
  {
    reason: 'it ended',
    desired: desiredOf(),
    observed: d => settledOf(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined }),
    want: ['ContainerReady=False/ContainerDied'],
  },
  {
    reason: 'it is being made anew',
    desired: desiredOf({ image: 'other' }),
    observed: d => settledOf(d, { instance: instanceOf(desiredOf()), image: { state: 'Present', id: 'i' } }),
    want: ['ContainerReady=False/CreatingContainer'],
  },
  {
    reason: 'sshd does not answer',
    desired: desiredOf(),
    observed: d => settledOf(d, { tunnel: { state: 'Failed', message: 'refused' } }),
    want: ['SSHReady=False/SSHFailed', 'Ready=False/Degraded'],
  },
  {
    reason: 'sshd is being started',
    desired: desiredOf(),
    observed: d => settledOf(d, { tunnel: { state: 'Connecting' } }),
    want: ['SSHReady=False/SSHStarting', 'Ready=False/Progressing'],
  },
  {
    reason: 'the Secret is on its way',
    desired: desiredOf({}, { secret: false }),
    observed: d => settledOf(d, { guest: undefined, tunnel: { state: 'Idle' } }),
    want: ['SSHReady=False/SSHStarting', 'Ready=False/Progressing'],
  },
  {
    reason: 'the Secret lacks a key',
    desired: desiredOf({ env: [{ name: 'A', secretKey: 'env.9' }] }),
    observed: d => settledOf(d, { guest: undefined, tunnel: { state: 'Idle' } }),
    want: ['SSHReady=False/SecretNotFound', 'Ready=False/Failed'],
  },
  {
    reason: 'the engine does not answer: nothing is known',
    desired: desiredOf(shop),
    observed: () => nothingOf({ engineError: 'down' }),
    want: [
      'ImageReady=Unknown/DriverUnavailable',
      'ContainerReady=Unknown/DriverUnavailable',
      'Ready=Unknown/Unknown',
    ],
  },
  {
    reason: 'the node has no such driver',
    desired: desiredOf(),
    observed: () => nothingOf({ driverMissing: true }),
    want: ['ContainerReady=False/DriverUnavailable', 'Ready=False/Failed'],
  },
  {
    reason: 'stopped, as declared',
    desired: desiredOf({ ...shop, running: false }),
    observed: d =>
      settledOf(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined, forwards: {} }),
    want: ['ContainerReady=False/ContainerStopped', 'SSHReady=False/Stopped', 'Ready=False/Stopped'],
  },
  {
    reason: 'being stopped',
    desired: desiredOf({ running: false }),
    observed: settledOf,
    want: ['ContainerReady=False/Stopping', 'Ready=False/Stopping'],
  },
  {
    reason: 'stopped before it was made',
    desired: desiredOf({ running: false }),
    observed: () => nothingOf(),
    want: ['ImageReady=Unknown/Stopped', 'Ready=False/Stopped'],
  },
  {
    reason: 'being removed',
    desired: desiredOf({}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    observed: d => settledOf(d, { failures: { remove: failure('Internal') } }),
    want: ['ContainerReady=False/Deleting', 'Ready=False/Deleting'],
  },
  {
    reason: 'the repository is being cloned, SSH works already',
    desired: desiredOf({ ...shop, repo }),
    observed: d => cloning(d, 'Running'),
    want: [
      'SSHReady=True/SSHListening',
      'RepositoryReady=False/Cloning',
      'ServicesReady=False/WaitingForDependency',
      'Ready=False/Progressing',
    ],
  },
  ...(
    [
      ['AuthenticationFailed', CLONE_EXIT.authentication],
      ['RefNotFound', CLONE_EXIT.refNotFound],
      ['CloneFailed', CLONE_EXIT.unreachable],
      ['CloneFailed', CLONE_EXIT.notEmpty],
      ['CloneFailed', CLONE_EXIT.failed],
    ] as const
  ).map(([why, exit]) => ({
    reason: `the clone ended with ${exit}`,
    desired: desiredOf({ repo }),
    observed: (d: Desired) => cloning(d, 'Failed', exit),
    want: [`RepositoryReady=False/${why}`, 'Ready=False/Degraded'],
  })),
  {
    reason: 'the clone could not be started',
    desired: desiredOf({ repo }),
    observed: d => settledOf(d, { failures: { clone: failure('Internal') } }),
    want: ['RepositoryReady=False/CloneFailed'],
  },
  {
    reason: 'it was cloned',
    desired: desiredOf({ repo }),
    observed: d => settledOf(d, { guest: guestOf(d, { repository: tree }) }),
    want: ['RepositoryReady=True/RepositoryCloned', 'Ready=True/Ready'],
  },
  {
    reason: 'another url is declared: the tree is left alone',
    desired: desiredOf({ repo: { url: 'https://example.com/b.git' } }),
    observed: d => settledOf(d, { guest: guestOf(d, { repository: tree }) }),
    want: ['RepositoryReady=True/RepositoryKept', 'Ready=True/Ready'],
  },
  {
    reason: 'the tree was removed by hand',
    desired: desiredOf({ repo }),
    observed: d => cloning(d, 'Succeeded'),
    want: ['RepositoryReady=True/RepositoryKept'],
  },
  {
    reason: 'a service waits for another',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { guest: guestOf(d, { services: [serviceOf(d, 'db')] }), health: {} }),
    want: ['ServicesReady=False/WaitingForDependency', 'Ready=False/Progressing'],
  },
  {
    reason: 'a service is unhealthy',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, { health: { db: { health: 'Unhealthy', restartDue: false, message: 'refused' } } }),
    want: ['ServicesReady=False/ServiceUnhealthy', 'Ready=False/Degraded'],
  },
  {
    reason: 'a service ended',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          services: [serviceOf(d, 'db'), serviceOf(d, 'web', { state: 'Backoff', exitCode: 1 })],
        }),
      }),
    want: ['ServicesReady=False/ServiceExited', 'Ready=False/Degraded'],
  },
  {
    reason: 'a service starts',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { health: { db: { health: 'Unknown', restartDue: false } } }),
    want: ['ServicesReady=False/ServicesStarting'],
  },
  ...(['preStart', 'postStart'] as const).flatMap(hook => [
    {
      reason: `${hook} runs`,
      desired: desiredOf({ lifecycle: { [hook]: 'a' } }),
      observed: (d: Desired) =>
        settledOf(d, { guest: guestOf(d, { jobs: { [hook]: job('Running', 'x') } }) }),
      want: ['ServicesReady=False/HookRunning', 'Ready=False/Progressing'],
    },
    {
      reason: `${hook} failed`,
      desired: desiredOf({ lifecycle: { [hook]: 'a' } }),
      observed: (d: Desired) =>
        settledOf(d, { guest: guestOf(d, { jobs: { [hook]: job('Failed', 'x', 2) } }) }),
      want: ['ServicesReady=False/HookFailed', 'Ready=False/Degraded'],
    },
  ]),
  {
    reason: 'postStart has yet to run',
    desired: desiredOf({ lifecycle: { postStart: 'a' } }),
    observed: settledOf,
    want: ['ServicesReady=False/ServicesStarting', 'Ready=False/Progressing'],
  },
];

t.test('conditions say what is observed, each with a reason from the list', async t => {
  for (const { reason, desired, observed, want } of rows) {
    const status = summarize(desired, observed(desired), undefined, NOW);
    const found = (status.conditions ?? []).map(c => `${c.type}=${c.status}/${c.reason}`);
    for (const one of want) t.ok(found.includes(one), `${reason}: ${one}`, { found });
    for (const condition of status.conditions ?? []) {
      t.ok(condition.type in CONDITIONS && condition.reason in REASONS, `${reason}: the vocabulary`);
      t.match(condition.message, /^\S.*\.$/s, `${reason}: a sentence`);
      t.notMatch(condition.message, /u:p@/, `${reason}: no password`);
    }
    const again = summarize(desired, observed(desired), status, NOW + 60_000);
    t.ok(jsonEqual(again, status), `${reason}: the same again is no change`, { again, status });
  }
});

const reasonOf = (status: ReturnType<typeof summarize>, type: string) =>
  status.conditions?.find(condition => condition.type === type)?.reason;

t.test('a restarted agent that does not know yet does not take back what it wrote', async t => {
  const desired = desiredOf({ ...shop, repo });
  const before = summarize(
    desired,
    settledOf(desired, { guest: guestOf(desired, { repository: tree }) }),
    undefined,
    NOW,
  );
  t.equal(reasonOf(before, 'Ready'), 'Ready');
  const connecting = settledOf(desired, {
    guest: guestOf(desired, { repository: tree }),
    tunnel: { state: 'Connecting' },
  });
  t.ok(jsonEqual(summarize(desired, connecting, before, NOW + 1), before));
  const blind = settledOf(desired, { guest: undefined, guestError: 'no answer' });
  t.equal(reasonOf(summarize(desired, blind, before, NOW + 1), 'RepositoryReady'), 'RepositoryCloned');
  const starting = summarize(
    desired,
    settledOf(desired, { guest: guestOf(desired, { configured: false }) }),
    before,
    NOW + 1,
  );
  t.equal(reasonOf(starting, 'RepositoryReady'), 'RepositoryCloned', 'nor one whose container starts');
  t.same(starting.repository, before.repository);
  const other = { ...connecting, instance: instanceOf(desired, { id: 'another' }) };
  t.equal(reasonOf(summarize(desired, other, before, NOW + 1), 'SSHReady'), 'SSHStarting');
});

t.test('a restart is told once the container runs again, and stays told', async t => {
  const desired = desiredOf();
  const told = (observed: Observed, before?: ReturnType<typeof summarize>) =>
    summarize(desired, observed, before, NOW).restartedAt;
  const running = settledOf(desired, { restartMark: 'second' });
  const stopped = { ...running, instance: instanceOf(desired, { state: 'Stopped' }), guest: undefined };
  const before = summarize(desired, settledOf(desired, { restartMark: 'first' }), undefined, NOW);
  t.equal(told(stopped, before), 'first', 'it is noted, and not carried out');
  t.equal(told(running, before), 'second');
  t.equal(told(settledOf(desired)), undefined);
});

t.test('a changed ref is told, against the one that was cloned', async t => {
  const first = desiredOf({ repo: { ...repo, ref: 'main' } });
  const observed = settledOf(first, { guest: guestOf(first, { repository: tree }) });
  const before = summarize(first, observed, undefined, NOW);
  t.equal(before.repository?.ref, 'main');
  const next = desiredOf({ repo: { ...repo, ref: 'next' } });
  const after = summarize(next, observed, before, NOW);
  t.equal(reasonOf(after, 'RepositoryReady'), 'RepositoryKept');
  t.equal(after.repository?.ref, 'main');
});

t.test('a clone for which there was no room says so, whatever git ended with', t => {
  const desired = desiredOf({ repo });
  const tail = `Cloning into '/home/dev/.nexus-clone'...
fatal: write error: No space left on device
fatal: fetch-pack: invalid index-pack output`;
  for (const exit of [CLONE_EXIT.failed, CLONE_EXIT.unreachable]) {
    const clone = { ...job('Failed', `${desired.repo?.token}.1`, exit), tail };
    const observed = settledOf(desired, { guest: guestOf(desired, { jobs: { clone } }) });
    const told = summarize(desired, observed, undefined, NOW).conditions;
    t.match(
      told?.find(({ type }) => type === 'RepositoryReady'),
      { reason: 'CloneFailed', message: /the home is on is full; make room .*No space left on device\)/ },
    );
  }
  t.end();
});

t.test('how much of a large repository has come is told', t => {
  const desired = desiredOf({ repo });
  const told = (receivedMiB?: number) => {
    const clone = { ...job('Running', `${desired.repo?.token}.1`), ...(receivedMiB && { receivedMiB }) };
    const observed = settledOf(desired, { guest: guestOf(desired, { jobs: { clone } }) });
    const { conditions } = summarize(desired, observed, undefined, NOW);
    return conditions?.find(({ type }) => type === 'RepositoryReady')?.message;
  };
  t.match(told(), /is being cloned\.$/);
  t.match(told(120), /is being cloned: 120 MiB received so far\.$/);
  t.end();
});

t.test('a further attempt at a clone is no news', async t => {
  const desired = desiredOf({ repo });
  const failed = summarize(desired, cloning(desired, 'Failed', CLONE_EXIT.unreachable), undefined, NOW);
  const again = settledOf(desired, {
    guest: guestOf(desired, { jobs: { clone: job('Running', `${desired.repo?.token}.2`) } }),
  });
  t.equal(reasonOf(summarize(desired, again, failed, NOW), 'RepositoryReady'), 'CloneFailed');
});

t.test('nor is a further try of a hook', async t => {
  const desired = desiredOf({ ...shop, lifecycle: { preStart: 'a' } });
  const seen = (state: 'Running' | 'Failed', token: string) =>
    settledOf(desired, {
      guest: guestOf(desired, { services: [], jobs: { preStart: job(state, token, 1) } }),
    });
  const token = desired.hooks.preStart?.token;
  const failed = summarize(desired, seen('Failed', `${token}.1`), undefined, NOW);
  t.equal(reasonOf(failed, 'ServicesReady'), 'HookFailed');
  t.ok(jsonEqual(summarize(desired, seen('Running', `${token}.2`), failed, NOW + 1), failed));
  const edited = summarize(desired, seen('Running', 'other.1'), failed, NOW);
  t.equal(reasonOf(edited, 'ServicesReady'), 'HookRunning');
});

t.test('times move with state and health alone', async t => {
  const desired = desiredOf(shop);
  const before = summarize(desired, settledOf(desired), undefined, NOW);
  const sick = settledOf(desired, { health: { db: { health: 'Unhealthy', restartDue: false } } });
  const [db, web] = summarize(desired, sick, before, NOW + 60_000).services ?? [];
  t.equal(db?.since, '2026-01-01T00:01:00Z');
  t.equal(web?.since, '2026-01-01T00:00:00Z');
});

t.test('ports that are taken are named, those of this spec alone', async t => {
  const desired = desiredOf(shop);
  const observed = settledOf(desired, {
    instance: instanceOf(desired, { state: 'Created' }),
    failures: { start: failure('PortInUse', [2222, 9999]) },
    forwards: {
      web: { port: 3000, hostPort: 23000, exposure: 'Private', state: 'Failed', reason: 'Conflict' },
    },
  });
  t.same(summarize(desired, observed, undefined, NOW).portConflicts, [2222, 23000]);
});

t.test('a service without a check that had ended counts as up when it stays up', t => {
  const desired = desiredOf(shop);
  const web = serviceOf(desired, 'web', { restarts: 1, exitCode: 1, since: NOW / 1000 });
  const observed = settledOf(desired, {
    guest: guestOf(desired, { services: [serviceOf(desired, 'db'), web] }),
  });
  const at = (ms: number) => {
    const { services, conditions } = summarize(desired, observed, undefined, NOW + ms);
    const { status, reason } = conditions?.find(({ type }) => type === 'ServicesReady') ?? {};
    return [services?.find(({ name }) => name === 'web')?.state, status, reason];
  };
  t.same(at(0), ['Starting', 'False', 'ServiceExited']);
  t.same(at(1999), ['Starting', 'False', 'ServiceExited']);
  t.same(at(2000), ['Running', 'True', 'ServicesHealthy']);
  t.end();
});

t.test('whoever waits for a service to stay up is told for how long', t => {
  const desired = desiredOf(shop);
  const of = (patch: object, name = 'web') =>
    settleMs(
      desired,
      settledOf(desired, { guest: guestOf(desired, { services: [serviceOf(desired, name, patch)] }) }),
      NOW,
    );
  const ended = { restarts: 1, exitCode: 0, since: NOW / 1000 };
  t.equal(of(ended), 2000);
  t.equal(of({ ...ended, since: NOW / 1000 - 1 }), 1000);
  t.equal(of({ ...ended, since: NOW / 1000 - 2 }), undefined);
  t.equal(of({ ...ended, since: NOW / 1000 + 60 }), undefined, 'the clock of the guest is ahead');
  t.equal(of({ since: NOW / 1000 }), undefined, 'it has not ended yet');
  t.equal(of(ended, 'db'), undefined, 'its check tells');
  t.end();
});
