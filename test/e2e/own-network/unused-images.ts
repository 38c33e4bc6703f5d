import t from 'tap';
import {
  derivedName,
  LABEL_DERIVED_BY,
  LABEL_DERIVED_FROM,
} from '../../../agent/drivers/docker/images/derive.ts';
import { NODE_COMMAND } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { buildTestImage } from '../../support/images.ts';
import { ownEngine } from '../../support/own-engine.ts';
import { until } from '../../support/until.ts';
import { untilObject } from '../../support/until-object.ts';
import { upLab } from '../../support/up-lab.ts';

t.setTimeout(590_000);
const engine = await ownEngine(t);
const { docker } = engine;
const lab = await upLab(t, dockerByHand(engine), { args: ['--keep-images=1s', '--resync=1s'] });
const { up } = lab;

/** Lacks git, and its package manager has nothing but that: a real build without a network. */
const build = (version: number) =>
  buildTestImage(
    docker,
    `app:${version}`,
    `FROM ${lab.image}
RUN mv /usr/bin/git /usr/lib/git.package && \\
    printf '#!/bin/sh\\n[ "$1" != install ] || cp /usr/lib/git.package /usr/bin/git\\n' >/usr/bin/apt-get && \\
    echo ${version} >/version
`,
  );
const ids: string[] = [];
for (let version = 0; version < 5; version++) ids.push(await build(version));
const apply = (name: string, version: number) => lab.converge({ [name]: { image: `app:${version}` } });
/** As another agent of the engine would have made it, for a workspace that is about to come. */
const ANOTHER = 'nexus-derived:of-another';
const labels = { [LABEL_DERIVED_FROM]: ids[0] ?? '', [LABEL_DERIVED_BY]: 'another' };
const lines = Object.entries(labels).map(([name, value]) => `LABEL "${name}"="${value}"`);
await buildTestImage(docker, ANOTHER, ['FROM app:0', ...lines].join('\n'));

const derived = async () =>
  (await docker.listImages()).flatMap(({ RepoTags }) =>
    (RepoTags ?? []).filter(tag => tag.startsWith('nexus-derived:') && tag !== ANOTHER),
  );
const nameOf = (version: number) => derivedName(ids[version] ?? '').name;
const untilDerived = (...versions: number[]) =>
  until(async () => (await derived()).sort().join() === versions.map(nameOf).sort().join(), {
    timeoutMs: 20_000,
    what: () => `the derived images of ${versions} alone\n${up.log().slice(-2000)}`,
  });

await t.test('what an edited workspace no longer uses goes, and what others use stays', async t => {
  await apply('old', 0);
  for (const version of [1, 2, 3, 4]) await apply('new', version);
  await untilDerived(0, 4);
  // An image loses its name before the rest of it goes.
  const scraps = () => docker.listImages({ filters: { dangling: ['true'] } });
  await until(async () => (await scraps()).length === 0, {
    timeoutMs: 10_000,
    what: () => 'no scraps to be left',
  });
  t.equal(await lab.root('old', 'cat /version'), '0');
});

await t.test('a stopped workspace keeps its image, and so does one whose container was lost', async t => {
  await up.cli(['stop', 'old']);
  await lab.up.untilWorkspace('old', 'is stopped', ({ status }) => status?.phase === 'Stopped');
  await lab.engine.remove(await lab.idOf('old'));
  // Something else goes meanwhile: images were looked at, for longer than they are kept.
  await apply('new', 1);
  await untilDerived(0, 1);
  await apply('new', 2);
  await untilDerived(0, 2);
  t.equal((await up.cli(['start', 'old', '--timeout=180s'])).code, 0);
});

await t.test('a tag that moved: the newest stays, the former goes with its last container', async t => {
  const former = nameOf(2);
  ids[2] = await buildTestImage(docker, 'app:2', 'FROM app:2\nRUN echo moved >/version\n');
  const id = await lab.idOf('new');
  await lab.engine.remove(id);
  await up.untilWorkspace(
    'new',
    'has another container',
    ({ status }) => ![undefined, id].includes(status?.containerID),
  );
  await lab.ready('new');
  t.equal(await lab.root('new', 'cat /version'), 'moved');
  await until(async () => !(await derived()).includes(former), {
    timeoutMs: 20_000,
    what: () => 'the former image to go',
  });
  await untilDerived(0, 2);
});

await t.test('after the last delete none is left', async t => {
  for (const name of ['old', 'new']) await lab.remove(name);
  await untilDerived();
  t.ok(await docker.getImage('app:0').inspect(), 'what somebody else made is left');
  const key = { namespace: nodeNamespace(up.node), name: 'prune' };
  await up.client.create(NODE_COMMAND, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'NodeCommand',
    metadata: key,
    spec: { command: 'prune' },
  });
  await untilObject(up.client, NODE_COMMAND, key, {
    look: found => found?.status?.phase === 'Succeeded',
    timeoutMs: 20_000,
    what: found => `the end of the command; it is ${JSON.stringify(found?.status)}`,
  });
  t.ok(await docker.getImage(ANOTHER).inspect(), 'also when it is asked for at once');
});
