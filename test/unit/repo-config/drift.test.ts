import t from 'tap';
import { mergePatch } from '../../../controller/apiserver/patch/merge-patch.ts';
import { findDrift } from '../../../controller/repo-config/config-drift.ts';
import { readRepoConfig } from '../../../controller/repo-config/read-repo-config.ts';
import { toWorkspaceSpec } from '../../../controller/repo-config/to-workspace-spec.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';

const read = (text: string) => {
  const { config, problems } = readRepoConfig(text);
  if (!config) throw new Error(JSON.stringify(problems));
  return config;
};
const FILE = `
services:
  web: {command: npm run dev, port: 3000, depends_on: [db], health_check: {type: http}}
  db: {command: postgres, port: 5432, env: {A: "1"}}
providers: {docker: {image: "node:20", memory: 2GB}}
lifecycle: {pre_start: npm ci}
env: {MODE: dev}
`;
const config = read(FILE);
const spec = toWorkspaceSpec(config);

t.test('a spec that was made of the file does not differ, with what the server fills in', async t => {
  t.same(findDrift(spec, config), { fields: [], patch: {}, told: '' });
  const filled: WorkspaceSpec = {
    ...spec,
    running: true,
    services: spec.services
      ?.map(service => ({
        ...service,
        exposure: 'Private' as const,
        ...(service.healthCheck && {
          healthCheck: {
            ...service.healthCheck,
            http: { path: '/' },
            intervalSeconds: 10,
            timeoutSeconds: 5,
            failureThreshold: 3,
            initialDelaySeconds: 0,
          },
        }),
      }))
      .reverse(),
  };
  t.same(findDrift(filled, config).fields, []);
});

t.test('each field that differs is told, and the patch makes it so', async t => {
  const change = (from: string, to: string) => findDrift(spec, read(FILE.replace(from, to)));
  const cases: [from: string, to: string, told: string][] = [
    ['npm run dev', 'npm start', 'services web'],
    ['port: 5432, ', '', 'services db'],
    ['  db: {command: postgres, port: 5432, env: {A: "1"}}\n', '', 'services db'],
    ['depends_on: [db], ', '', 'services web'],
    ['A: "1"', 'A: "2"', 'services db'],
    ['npm ci', 'npm install', 'lifecycle'],
    ['lifecycle: {pre_start: npm ci}', '', 'lifecycle'],
    ['node:20', 'node:22', 'image'],
    ['2GB', '4GB', 'resources'],
    ['MODE: dev', 'MODE: test', 'env MODE'],
  ];
  for (const [from, to, told] of cases) {
    // Without the database, web must not wait for it.
    const text = told === 'services db' && to === '' ? FILE.replace('depends_on: [db], ', '') : FILE;
    const base = toWorkspaceSpec(read(text));
    const wanted = read(text.replace(from, to));
    const drift = findDrift(base, wanted);
    t.equal(drift.told, told, `${from} → ${to}`);
    const patched = mergePatch(base, drift.patch);
    t.same(findDrift(patched, wanted).fields, [], 'and then it does not differ');
  }
  t.same(change('lifecycle: {pre_start: npm ci}', '').patch, {
    lifecycle: { preStart: null, postStart: null, preStop: null },
  });
});

t.test('what is the user’s own stays', async t => {
  t.same(findDrift({ ...spec, image: 'mine' }, config, ['image']).fields, []);
  const own: WorkspaceSpec = {
    ...spec,
    env: [...(spec.env ?? []), { name: 'MINE', value: 'x' }],
    services: spec.services?.map(service => ({ ...service, exposure: 'Node' as const, workingDir: 'app' })),
  };
  t.same(findDrift(own, config).fields, [], 'variables, exposure and folders that the file does not name');
  const { patch } = findDrift(
    own,
    read(FILE.replace('npm run dev', 'npm start').replace('MODE: dev', 'MODE: test')),
  );
  t.match(patch.services, [{ name: 'web', exposure: 'Node', workingDir: 'app' }, { name: 'db' }]);
  t.match(patch.env, [
    { name: 'MINE', value: 'x' },
    { name: 'MODE', value: 'test' },
  ]);
});

t.test('a file that names nothing asks for no services', async t => {
  t.same(findDrift(spec, read('')).patch, {
    services: null,
    lifecycle: { preStart: null, postStart: null, preStop: null },
  });
  t.same(findDrift({}, read('')).fields, []);
});
