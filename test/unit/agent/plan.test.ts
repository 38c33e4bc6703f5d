import t from 'tap';
import { GUEST_KEYS_PATH } from '../../../agent/guest/program.ts';
import type { Desired } from '../../../agent/model/desired.ts';
import type { ActionFailure, Observed } from '../../../agent/model/observed.ts';
import type { Action } from '../../../agent/plan/actions.ts';
import { plan } from '../../../agent/plan/plan.ts';
import {
  desiredOf,
  guestOf,
  instanceOf,
  nothingOf,
  type SpecPatch,
  serviceOf,
  settledOf,
} from '../../support/agent-data.ts';

const shop: SpecPatch = {
  services: [
    { name: 'db', command: 'db', port: 5432, healthCheck: { tcp: {} } },
    { name: 'web', command: 'web', port: 3000, dependsOn: ['db'] },
  ],
  forwards: [{ name: 'web', port: 3000, hostPort: 23000, exposure: 'Private' }],
};
const present = { state: 'Present', id: 'sha256:1' } as const;
const deleting = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } };

/** `create:Created start:Created …`: type and the one field that tells it from its like. */
function brief(actions: Action[]): string {
  return actions
    .map(action => {
      switch (action.type) {
        case 'create':
        case 'start':
        case 'stop':
        case 'configure':
          return `${action.type}:${action.reason}`;
        case 'serviceUp':
          return `up:${action.service}:${action.change}`;
        case 'serviceRestart':
        case 'serviceRemove':
          return `${action.type}:${action.service}`;
        case 'runHook':
          return `hook:${action.hook}${/\.(?!1$)\d+$/.exec(action.token)?.[0].replace('.', ':') ?? ''}`;
        case 'openForward':
          return `open:${action.forward.name}`;
        case 'closeForward':
          return `close:${action.name}`;
        default:
          return action.type;
      }
    })
    .join(' ');
}

/** Its container does not run, and what the last start of it came to. */
const stopped = (desired: Desired, start: Pick<ActionFailure, 'code' | 'attempts'>): Partial<Observed> => ({
  instance: instanceOf(desired, { state: 'Stopped' }),
  guest: undefined,
  image: present,
  failures: { start: { ...start, message: 'refused' } },
});

interface Row {
  reason: string;
  desired: Desired;
  observed: (desired: Desired) => Observed;
  want: string;
}

function table(name: string, rows: Row[]): void {
  t.test(name, async t => {
    for (const { reason, desired, observed, want } of rows)
      t.equal(brief(plan(desired, observed(desired))), want, reason);
  });
}

table('a container is made, started and configured', [
  {
    reason: 'nothing is there and the image is not known: it is fetched, ports are opened meanwhile',
    desired: desiredOf(shop),
    observed: () => nothingOf({ image: { state: 'Absent' } }),
    want: 'open:web ensureImage',
  },
  {
    reason: 'while the image is fetched there is nothing to do',
    desired: desiredOf(),
    observed: () => nothingOf({ image: { state: 'Fetching', phase: 'pulling', message: '' } }),
    want: '',
  },
  {
    reason: 'the image is there: one chain to a login',
    desired: desiredOf(),
    observed: () => nothingOf({ image: present }),
    want: 'create:Created start:Created configure:Start',
  },
  {
    reason: 'one that was known was removed by somebody',
    desired: desiredOf(),
    observed: () => nothingOf({ hasVolume: true, image: present, known: 'Running' }),
    want: 'create:ContainerMissing start:Created configure:Start',
  },
  {
    reason: 'a half-made one is started',
    desired: desiredOf(),
    observed: d => settledOf(d, { instance: instanceOf(d, { state: 'Created' }), known: 'Created' }),
    want: 'start:Created configure:Start',
  },
  {
    reason: 'one whose volume shows that it ran is not kept waiting for it, whatever is remembered',
    desired: desiredOf({}, { secret: false }),
    observed: () => nothingOf({ hasVolume: true, image: present }),
    want: 'create:Created start:Created',
  },
  {
    reason: 'a new one waits for its Secret, with the image at hand',
    desired: desiredOf({}, { secret: false }),
    observed: () => nothingOf({ image: present }),
    want: '',
  },
  {
    reason: 'one that was lost is made again without it: its inside waits',
    desired: desiredOf({}, { secret: false }),
    observed: () => nothingOf({ hasVolume: true, image: present, known: 'Running' }),
    want: 'create:ContainerMissing start:Created',
  },
  {
    reason: 'one that ended is started',
    desired: desiredOf(),
    observed: d => settledOf(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined }),
    want: 'start:ContainerDied configure:Start',
  },
  {
    reason: 'one that was stopped as declared and should run again',
    desired: desiredOf(),
    observed: d =>
      settledOf(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined, known: 'Stopped' }),
    want: 'start:Started configure:Start',
  },
  {
    reason: 'the engine does not answer: only what needs it not is done',
    desired: desiredOf(shop),
    observed: () => nothingOf({ engineError: 'down' }),
    want: 'open:web',
  },
  {
    reason: 'what is left under another name goes',
    desired: desiredOf(),
    observed: d => settledOf(d, { strays: [{ driver: 'memory', instance: instanceOf(d, { id: 'old' }) }] }),
    want: 'removeStray',
  },
]);

table('a settled workspace is left alone', [
  { reason: 'running', desired: desiredOf(shop), observed: settledOf, want: '' },
  {
    reason: 'stopped',
    desired: desiredOf({ running: false }),
    observed: d => settledOf(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined }),
    want: '',
  },
  {
    reason: 'stopped before it was ever made',
    desired: desiredOf({ running: false }),
    observed: () => nothingOf(),
    want: '',
  },
  {
    reason: 'its inside does not answer: nothing is known, so nothing is done',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { guest: undefined, guestError: 'no answer' }),
    want: '',
  },
  {
    reason: 'its Secret is out of sight: what runs goes on',
    desired: desiredOf(shop, { secret: false }),
    observed: d => settledOf(d, { guest: guestOf(desiredOf(shop)) }),
    want: '',
  },
]);

table('least disruption: what can change in place does', [
  {
    reason: 'limits',
    desired: desiredOf({ ...shop, resources: { cpuMillis: 500, memoryBytes: 2 ** 30 } }),
    observed: d => settledOf(d, { instance: instanceOf(d, { limits: { pids: 4096 } }) }),
    want: 'update',
  },
  {
    reason: 'authorised keys are files alone',
    desired: desiredOf(shop),
    observed: d => {
      const guest = guestOf(d);
      return settledOf(d, { guest: { ...guest, files: { ...guest.files, [GUEST_KEYS_PATH]: 'edited' } } });
    },
    want: 'configure:Changed',
  },
  {
    reason: 'a changed service is that service',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, { services: [serviceOf(d, 'db'), serviceOf(d, 'web', { digest: 'old' })] }),
      }),
    want: 'up:web:Update',
  },
  {
    reason: 'a service that is gone from the spec',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, { guest: guestOf(d, { services: [...guestOf(d).services, serviceOf(d, 'old')] }) }),
    want: 'serviceRemove:old',
  },
  {
    reason: 'another target behind the same port of the node is changed in place',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        forwards: { web: { port: 8080, hostPort: 23000, exposure: 'Private', state: 'Open' } },
      }),
    want: 'open:web',
  },
  {
    reason: 'another port of the node: the old one goes first',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        forwards: {
          web: { port: 3000, hostPort: 23001, exposure: 'Private', state: 'Open' },
          gone: { port: 1, hostPort: 23000, exposure: 'Node', state: 'Open' },
        },
      }),
    want: 'close:web close:gone open:web',
  },
  {
    reason: 'a port that could not be opened is tried again',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        forwards: {
          web: { port: 3000, hostPort: 23000, exposure: 'Private', state: 'Failed', reason: 'Conflict' },
        },
      }),
    want: 'open:web',
  },
]);

t.test('a changed variable restarts the services that see it, and only those', async t => {
  const services = [
    { name: 'a', command: 'a', env: [{ name: 'X', value: 'own' }] },
    { name: 'b', command: 'b' },
  ];
  const before = desiredOf({ services, env: [{ name: 'X', value: '1' }] });
  const after = desiredOf({ services, env: [{ name: 'X', value: '2' }] });
  const configured = { ...guestOf(after), services: guestOf(before).services };
  t.equal(brief(plan(after, settledOf(before))), 'configure:Changed', 'the environment of sessions first');
  t.equal(brief(plan(after, settledOf(after, { guest: configured }))), 'up:b:Update', 'a has its own X');
});

for (const [what, patch] of [
  ['image', { image: 'debian:13' }],
  ['user', { ssh: { user: 'me' } }],
  ['SSH port', { ssh: { port: 2223 } }],
] as const)
  t.test(`another ${what} makes a new container, once its image is there`, async t => {
    const desired = desiredOf(patch);
    const old = { instance: instanceOf(desiredOf()) };
    t.equal(brief(plan(desired, settledOf(desired, { ...old, image: { state: 'Absent' } }))), 'ensureImage');
    t.equal(
      brief(plan(desired, settledOf(desired, { ...old, image: present }))),
      'stop:Recreate remove create:ContainerRecreated start:Created configure:Start',
    );
  });

table('what was taken away is put back', [
  {
    reason: 'the volume is not mounted any more',
    desired: desiredOf(),
    observed: d => settledOf(d, { instance: instanceOf(d, { mounts: {} }), image: present }),
    want: 'stop:Recreate remove create:ContainerRecreated start:Created configure:Start',
  },
  {
    reason: 'a label that was never ours',
    desired: desiredOf(),
    observed: d => settledOf(d, { instance: instanceOf(d, { labels: {} }), image: present }),
    want: 'stop:Recreate remove create:ContainerRecreated start:Created configure:Start',
  },
  {
    reason: 'the supervisor is away',
    desired: desiredOf(),
    observed: d => settledOf(d, { guest: guestOf(d, { supervisor: { running: false, restarts: 1 } }) }),
    want: 'configure:Changed',
  },
  {
    reason: 'the memory file system is empty',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { guest: guestOf(d, { configured: false, services: [], files: {} }) }),
    want: 'configure:Start',
  },
]);

table('a home whose volume is gone, and a container that cannot be started', [
  {
    reason: 'the volume was removed together with the container',
    desired: desiredOf(),
    observed: () => nothingOf({ known: 'Running', image: present }),
    want: 'create:VolumeLost start:Created configure:Start',
  },
  {
    reason: 'the volume was unmounted: another start mounts it, whatever preStop would do in an empty home',
    desired: desiredOf({ ...shop, lifecycle: { preStop: 'flush' } }),
    observed: d => settledOf(d, { guest: guestOf(d, { homeLost: true }) }),
    want: 'stop:Remount start:VolumeRemounted configure:Start',
  },
  {
    reason: 'what a volume is kept in is gone: there must be another one',
    desired: desiredOf(),
    observed: d => settledOf(d, stopped(d, { code: 'VolumeLost' })),
    want: 'remove removeVolume create:VolumeLost start:Created configure:Start',
  },
  {
    reason: 'an engine that says it cannot start a container is asked again',
    desired: desiredOf(),
    observed: d => settledOf(d, stopped(d, { code: 'Stuck', attempts: 3 })),
    want: 'start:ContainerDied configure:Start',
  },
  {
    reason: 'and is taken at its word in the end; the volume stays',
    desired: desiredOf(),
    observed: d => settledOf(d, stopped(d, { code: 'Stuck', attempts: 4 })),
    want: 'remove create:ContainerRecreated start:Created configure:Start',
  },
  {
    reason: 'any other refusal makes no other container',
    desired: desiredOf(),
    observed: d => settledOf(d, stopped(d, { code: 'Internal', attempts: 40 })),
    want: 'start:ContainerDied configure:Start',
  },
]);

table('stop and restart', [
  {
    reason: 'stop keeps the container, and closes ports',
    desired: desiredOf({ ...shop, running: false }),
    observed: settledOf,
    want: 'close:web stop:Declared',
  },
  {
    reason: 'preStop comes first',
    desired: desiredOf({ running: false, lifecycle: { preStop: 'flush' } }),
    observed: settledOf,
    want: 'hook:preStop',
  },
  {
    reason: 'while preStop runs the container does',
    desired: desiredOf({ running: false, lifecycle: { preStop: 'flush' } }),
    observed: d =>
      settledOf(d, { guest: guestOf(d, { jobs: { preStop: { state: 'Running', token: 'x' } } }) }),
    want: '',
  },
  {
    reason: 'preStop has its time and no more',
    desired: desiredOf({ running: false, lifecycle: { preStop: 'flush' } }),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, { jobs: { preStop: { state: 'Running', token: 'x' } } }),
        preStopExpired: true,
      }),
    want: 'stop:Declared',
  },
  {
    reason: 'a preStop that failed holds up nothing',
    desired: desiredOf({ running: false, lifecycle: { preStop: 'flush' } }),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          jobs: { preStop: { state: 'Failed', exitCode: 1, token: d.hooks.preStop?.token ?? '' } },
        }),
      }),
    want: 'stop:Declared',
  },
  {
    reason: 'nor does one that cannot be run',
    desired: desiredOf({ running: false, lifecycle: { preStop: 'flush' } }),
    observed: d => settledOf(d, { failures: { 'runHook/preStop': { code: 'Internal', message: 'no' } } }),
    want: 'stop:Declared',
  },
  {
    reason: 'another mark restarts the container once',
    desired: desiredOf({ restartedAt: 'two' }),
    observed: d => settledOf(d, { restartMark: 'one' }),
    want: 'stop:Restart start:Restarted configure:Start',
  },
  {
    reason: 'a mark that is carried out does nothing',
    desired: desiredOf({ restartedAt: 'two' }),
    observed: settledOf,
    want: '',
  },
  {
    reason: 'a restart waits for preStop as well',
    desired: desiredOf({ restartedAt: 'two', lifecycle: { preStop: 'flush' } }),
    observed: d => settledOf(d, { restartMark: 'one' }),
    want: 'hook:preStop',
  },
]);

const movable: SpecPatch = { ...shop, onNodeLoss: 'Reschedule' };
const held = (d: Desired, patch: Partial<Observed> = {}): Observed =>
  settledOf(d, { fence: 'Hold', ...patch });

table('what may be moved runs only where the server has said so', [
  {
    reason: 'settled, it is left alone',
    desired: desiredOf(movable),
    observed: settledOf,
    want: '',
  },
  {
    reason: 'what runs goes on until the server has spoken',
    desired: desiredOf(movable),
    observed: held,
    want: '',
  },
  {
    reason: 'what does not run is not started',
    desired: desiredOf(movable),
    observed: d => held(d, { instance: instanceOf(d, { state: 'Stopped' }), guest: undefined }),
    want: '',
  },
  {
    reason: 'nor made',
    desired: desiredOf({ onNodeLoss: 'Reschedule' }),
    observed: () => nothingOf({ image: present, fence: 'Hold' }),
    want: '',
  },
  {
    reason: 'nor restarted, for it might not be allowed to come back',
    desired: desiredOf({ ...movable, restartedAt: 'now' }),
    observed: held,
    want: '',
  },
  {
    reason: 'but it may be stopped by its owner',
    desired: desiredOf({ ...movable, running: false }),
    observed: d => held(d, { forwards: {} }),
    want: 'stop:Declared',
  },
  {
    reason: 'it is stopped without its hook, and its ports are closed, when the fence is closed',
    desired: desiredOf({ ...movable, lifecycle: { preStop: 'flush' } }),
    observed: d => settledOf(d, { fence: 'Stop' }),
    want: 'close:web stop:Fenced',
  },
  {
    reason: 'and stays so',
    desired: desiredOf(movable),
    observed: d =>
      settledOf(d, {
        fence: 'Stop',
        forwards: {},
        instance: instanceOf(d, { state: 'Stopped' }),
        guest: undefined,
      }),
    want: '',
  },
  {
    reason: 'one that was not to be moved gets a fence and is not started by the engine any more, in place',
    desired: desiredOf(movable),
    observed: d =>
      settledOf(d, {
        instance: instanceOf(d, { autoStart: true }),
        guest: guestOf(d, { fenced: false }),
      }),
    want: 'setAutoStart fence',
  },
  {
    reason: 'and the other way round',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        instance: instanceOf(d, { autoStart: false }),
        guest: guestOf(d, { fenced: true }),
      }),
    want: 'setAutoStart fence',
  },
  {
    reason: 'an engine that cannot change it is not asked to',
    desired: desiredOf(movable),
    observed: d => settledOf(d, { instance: instanceOf(d, { autoStart: undefined }) }),
    want: '',
  },
  {
    reason: 'one that moves away leaves its volume',
    desired: desiredOf({ ...movable, running: false, evictedBy: 'Drain' }, deleting),
    observed: d => settledOf(d, { forwards: {}, instance: instanceOf(d, { state: 'Stopped' }) }),
    want: 'remove release',
  },
]);

table('removal can be broken off anywhere', [
  {
    reason: 'everything, the finalizer last',
    desired: desiredOf(shop, deleting),
    observed: settledOf,
    want: 'close:web stop:Delete remove removeVolume release',
  },
  {
    reason: 'the volume is kept when it is to be',
    desired: desiredOf({ retainVolume: true }, deleting),
    observed: settledOf,
    want: 'stop:Delete remove release',
  },
  {
    reason: 'half of it is done',
    desired: desiredOf({}, deleting),
    observed: () => nothingOf({ hasVolume: true }),
    want: 'removeVolume release',
  },
  {
    reason: 'all of it is done',
    desired: desiredOf({}, deleting),
    observed: () => nothingOf(),
    want: 'release',
  },
  {
    reason: 'preStop has its turn',
    desired: desiredOf({ lifecycle: { preStop: 'flush' } }, deleting),
    observed: settledOf,
    want: 'hook:preStop',
  },
  {
    reason: 'an engine that does not answer is waited for',
    desired: desiredOf({}, deleting),
    observed: () => nothingOf({ engineError: 'down' }),
    want: '',
  },
  {
    reason: 'nothing can be there of a driver that this node never had',
    desired: desiredOf({}, deleting),
    observed: () => nothingOf({ driverMissing: true }),
    want: 'release',
  },
]);

const repo = { repo: { url: 'https://example.com/a.git', ref: 'main' } };
const tree = { url: 'https://example.com/a.git', commit: 'c', branch: 'main', dirty: false };
const clone = (d: Desired, attempt: number) => `${d.repo?.token}.${attempt}`;

table('the repository is cloned once', [
  {
    reason: 'services wait for it',
    desired: desiredOf({ ...shop, ...repo }),
    observed: d => settledOf(d, { guest: guestOf(d, { services: [] }) }),
    want: 'clone',
  },
  {
    reason: 'while it runs there is nothing to do',
    desired: desiredOf({ ...shop, ...repo }),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, { services: [], jobs: { clone: { state: 'Running', token: clone(d, 1) } } }),
      }),
    want: '',
  },
  {
    reason: 'a working tree is never touched, whatever url and ref say',
    desired: desiredOf({ repo: { url: 'https://example.com/other.git', ref: 'next' } }),
    observed: d => settledOf(d, { guest: guestOf(d, { repository: { ...tree, dirty: true } }) }),
    want: '',
  },
  {
    reason: 'a tree that was removed after its clone is the person’s doing',
    desired: desiredOf(repo),
    observed: d =>
      settledOf(d, { guest: guestOf(d, { jobs: { clone: { state: 'Succeeded', token: clone(d, 1) } } }) }),
    want: '',
  },
]);

t.test(
  'a clone that failed is tried again under the next number, one of another spec from the first',
  async t => {
    const desired = desiredOf(repo);
    const failed = (token: string) =>
      settledOf(desired, {
        guest: guestOf(desired, { jobs: { clone: { state: 'Failed', exitCode: 1, token } } }),
      });
    t.same(plan(desired, failed(clone(desired, 3))), [{ type: 'clone', token: clone(desired, 4) }]);
    t.same(plan(desired, failed('another.7')), [{ type: 'clone', token: clone(desired, 1) }]);
    const running = settledOf(desired, {
      guest: guestOf(desired, { jobs: { clone: { state: 'Running', token: 'another.1' } } }),
    });
    t.same(
      plan(desired, running),
      [{ type: 'clone', token: clone(desired, 1) }],
      'an edited spec is not waited for',
    );
  },
);

const chain: SpecPatch = { ...shop, lifecycle: { preStart: 'a', postStart: 'b' } };
const done = (token: string) => ({ state: 'Succeeded' as const, exitCode: 0, token });

table('hooks and services go in order', [
  {
    reason: 'preStart first',
    desired: desiredOf(chain),
    observed: d => settledOf(d, { guest: guestOf(d, { services: [] }) }),
    want: 'hook:preStart',
  },
  {
    reason: 'then what depends on nothing',
    desired: desiredOf(chain),
    observed: d => settledOf(d, { guest: guestOf(d, { services: [], jobs: { preStart: done('x') } }) }),
    want: 'up:db:Start',
  },
  {
    reason: 'a service that is not healthy yet holds back its dependents',
    desired: desiredOf(shop),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, { services: [serviceOf(d, 'db')] }),
        health: { db: { health: 'Unknown', restartDue: false } },
      }),
    want: '',
  },
  {
    reason: 'a healthy one does not',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { guest: guestOf(d, { services: [serviceOf(d, 'db')] }) }),
    want: 'up:web:Start',
  },
  {
    reason: 'what runs is not stopped when its dependency fails',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { health: { db: { health: 'Unhealthy', restartDue: false } } }),
    want: '',
  },
  {
    reason: 'an unhealthy one whose turn it is',
    desired: desiredOf(shop),
    observed: d => settledOf(d, { health: { db: { health: 'Unhealthy', restartDue: true, message: 'm' } } }),
    want: 'serviceRestart:db',
  },
  {
    reason: 'postStart when all are ready',
    desired: desiredOf(chain),
    observed: d => settledOf(d, { guest: guestOf(d, { jobs: { preStart: done('x') } }) }),
    want: 'hook:postStart',
  },
  {
    reason: 'once a start, whatever became of its command',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, { guest: guestOf(d, { jobs: { preStart: done('x'), postStart: done('x') } }) }),
    want: '',
  },
  {
    reason: 'a preStart that failed holds back services, and is tried again',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          services: [],
          jobs: { preStart: { state: 'Failed', exitCode: 1, token: `${d.hooks.preStart?.token}.2` } },
        }),
      }),
    want: 'hook:preStart:3',
  },
  {
    reason: 'a further try that runs is waited for',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          services: [],
          jobs: { preStart: { state: 'Running', token: `${d.hooks.preStart?.token}.3` } },
        }),
      }),
    want: '',
  },
  {
    reason: 'one that runs is ended when it is edited',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, { services: [], jobs: { preStart: { state: 'Running', token: 'old.3' } } }),
      }),
    want: 'hook:preStart',
  },
  {
    reason: 'a postStart that failed is tried again, and nothing else is touched',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          jobs: {
            preStart: done('x'),
            postStart: { state: 'Failed', exitCode: 1, token: `${d.hooks.postStart?.token}.1` },
          },
        }),
      }),
    want: 'hook:postStart:2',
  },
  {
    reason: 'a preStart is run again when it was edited',
    desired: desiredOf(chain),
    observed: d =>
      settledOf(d, {
        guest: guestOf(d, {
          services: [],
          jobs: { preStart: { state: 'Failed', exitCode: 1, token: 'old' } },
        }),
      }),
    want: 'hook:preStart',
  },
  {
    reason: 'a preStart that is added while services run has its turn at the next start',
    desired: desiredOf({ ...shop, lifecycle: { preStart: 'a' } }),
    observed: settledOf,
    want: '',
  },
]);

t.test('an action holds no secret', async t => {
  const desired = desiredOf(
    {
      repo: { url: 'https://example.com/a.git', credentials: true },
      env: [{ name: 'TOKEN', secretKey: 'env.0' }],
      services: [{ name: 'web', command: 'web' }],
    },
    { values: { 'git-password': 'hunter2', 'env.0': 'hunter2' } },
  );
  const observed = [
    nothingOf({ image: present }),
    settledOf(desired, { guest: guestOf(desired, { services: [] }) }),
    settledOf(desired, { guest: guestOf(desired, { services: [], repository: tree }) }),
  ];
  for (const state of observed) {
    const text = JSON.stringify(plan(desired, state));
    t.notMatch(text, /hunter2|PRIVATE KEY/);
    t.not(text, '[]');
  }
});
