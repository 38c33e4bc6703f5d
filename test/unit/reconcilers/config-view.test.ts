import t from 'tap';
import {
  configCondition,
  createConfigReader,
  viewConfig,
} from '../../../controller/reconcilers/workspace/config-view.ts';
import type { Placement, Workspace } from '../../../crds/types.generated.ts';

const FILE = 'services: {web: {command: npm start}}\nproviders: {docker: {image: "node:20"}}';
const observed = (text: string | undefined, digest = `digest of ${text}`) =>
  ({
    status: { repository: { config: { digest, ...(text !== undefined && { text }) } } },
  }) as unknown as Placement;
const workspace = (spec: object, status: object = {}): Workspace =>
  ({ metadata: { name: 'shop' }, spec, status }) as Workspace;
const asFile = { services: [{ name: 'web', command: 'npm start' }], image: 'node:20' };

/** The view, and the condition that it gives, as `status reason`. */
function look(seen: Workspace, placement: Placement | undefined) {
  const view = viewConfig(seen, placement, createConfigReader());
  if (!view) return undefined;
  const { status, reason, message } = configCondition(seen, view);
  return { kept: view.kept, told: `${status} ${reason}`, message };
}

t.test('without the file, or before anybody looked, there is nothing to tell', async t => {
  t.equal(look(workspace(asFile), undefined), undefined);
  t.equal(look(workspace(asFile), { status: { repository: {} } } as never), undefined);
});

t.test('what differs when the file is first seen is the user’s; what differs later has changed', async t => {
  t.match(look(workspace(asFile), observed(FILE)), { kept: [], told: 'False ConfigApplied' });
  const own = { ...asFile, image: 'mine' };
  t.match(look(workspace(own), observed(FILE)), { kept: ['image'], told: 'False ConfigApplied' });
  const before = { config: { digest: 'an earlier one', kept: ['image'] } };
  const other = FILE.replace('npm start', 'npm run dev').replace('node:20', 'node:22');
  t.match(look(workspace(own, before), observed(other)), {
    kept: ['image'],
    told: 'True ConfigChanged',
    message: /says otherwise: services web\. "nexus workspace sync shop" carries it out\./,
  });
  t.match(look(workspace(asFile, { config: { digest: 'x', kept: [] } }), observed(other)), {
    message: /services web; image/,
  });
});

t.test('who follows the file keeps nothing back', async t => {
  const follows = { ...asFile, image: 'mine', repo: { url: 'https://x/y', followConfig: true } };
  t.match(look(workspace(follows, { config: { digest: 'x', kept: ['image'] } }), observed(FILE)), {
    kept: [],
    told: 'True ConfigChanged',
  });
});

t.test('a file that cannot be read is told with its place', async t => {
  t.match(look(workspace(asFile), observed('services:\n  web: {}\n')), {
    told: 'True ConfigInvalid',
    message: /line 2, column \d+: /,
  });
  t.match(look(workspace(asFile), observed(undefined, '')), {
    told: 'True ConfigInvalid',
    message: /16 KiB/,
  });
  t.match(
    look(workspace(asFile, { config: { digest: 'x', kept: ['image'] } }), observed('services: [')),
    { kept: ['image'] },
    'whose fields are whose is not forgotten meanwhile',
  );
});

t.test('a text is read once, and the last few are kept', async t => {
  const reader = createConfigReader();
  const first = reader.read('a', FILE);
  t.equal(reader.read('a', FILE), first);
  for (let i = 0; i < 300; i++) reader.read(`other ${i}`, '');
  t.not(reader.read('a', FILE), first);
});
