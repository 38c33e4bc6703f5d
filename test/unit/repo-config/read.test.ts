import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import { validateWorkspace } from '../../../controller/reconcilers/workspace/validate-workspace.ts';
import { readRepoConfig } from '../../../controller/repo-config/read-repo-config.ts';
import { type SpecOverrides, toWorkspaceSpec } from '../../../controller/repo-config/to-workspace-spec.ts';

const crd = parse(readFileSync(new URL('../../../crds/workspace.yaml', import.meta.url), 'utf8'));
const workspaces = compileSchema(crd.spec.versions[0].schema.openAPIV3Schema);

/** The spec of a text that is right, which the API takes. */
function specOf(text: string, overrides?: SpecOverrides) {
  const { config, problems } = readRepoConfig(text);
  if (!config) throw new Error(JSON.stringify(problems));
  const spec = toWorkspaceSpec(config, overrides);
  const object = { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name: 'w' }, spec };
  const faults = [...workspaces.validate(structuredClone(object)), ...validateWorkspace(spec)];
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return spec;
}

const FULL = `
version: "1.0"
name: my-project
provider: docker
services:
  web:
    command: npm run dev
    port: 3000
    depends_on: [api]
    env: {NODE_ENV: development, DEBUG: 1}
    health_check: {type: http, path: /, timeout: 10s}
  api:
    command: npm run server
    port: 4000
    health_check: {type: tcp, timeout: 5}
  db:
    command: postgres -D /data/postgres
    port: 5432
    health_check: {type: exec, command: pg_isready, interval: 1m30s, retries: 3}
providers:
  lxc: {image: "ubuntu:22.04", cpu: 2, memory: 4GB, disk: 20GB}
  docker: {image: "node:20", memory: 2GB}
lifecycle:
  pre_start: npm install
  post_start: npm run setup
  pre_stop: npm run flush
`;

t.test('a whole configuration becomes a spec', async t => {
  t.strictSame(specOf(FULL), {
    image: 'node:20',
    driver: 'docker',
    resources: { memory: '2G' },
    services: [
      {
        name: 'web',
        command: 'npm run dev',
        port: 3000,
        dependsOn: ['api'],
        env: [
          { name: 'NODE_ENV', value: 'development' },
          { name: 'DEBUG', value: '1' },
        ],
        healthCheck: { http: { path: '/' }, timeoutSeconds: 10 },
      },
      { name: 'api', command: 'npm run server', port: 4000, healthCheck: { tcp: {}, timeoutSeconds: 5 } },
      {
        name: 'db',
        command: 'postgres -D /data/postgres',
        port: 5432,
        healthCheck: {
          exec: { command: ['sh', '-c', 'pg_isready'] },
          intervalSeconds: 90,
          failureThreshold: 3,
        },
      },
    ],
    lifecycle: { preStart: 'npm install', postStart: 'npm run setup', preStop: 'npm run flush' },
  });
});

t.test('who makes the workspace has the last word', async t => {
  const repo = { url: 'https://github.com/acme/shop.git' };
  const spec = specOf(FULL, { provider: 'lxc', resources: { cpu: '4' }, env: { A: 'b' }, repo });
  t.match(spec, { driver: 'lxc', image: 'ubuntu:22.04', repo, env: [{ name: 'A', value: 'b' }] });
  t.strictSame(spec.resources, { cpu: '4', memory: '4G', disk: '20G' });
  t.equal(specOf(FULL, { image: 'debian:12' }).image, 'debian:12');
});

t.test('the provider is the one named, the default, or the only one described', async t => {
  t.equal(specOf('providers: {default: lxc, docker: {image: a}, lxc: {image: b}}').image, 'b');
  t.match(specOf('providers: {lxc: {image: b}}'), { driver: 'lxc', image: 'b' });
  const both = specOf('providers: {docker: {image: a}, lxc: {image: b}}');
  t.notOk(both.driver, 'the node decides');
  t.equal(both.image, 'a');
});

t.test('an empty file is a bare workspace', async t => {
  for (const text of ['', '# nothing', '{}', 'version: 1.0']) t.strictSame(specOf(text), {}, text);
});

t.test('older shapes are read, each with a warning that names the new one', async t => {
  const text = `
docker: {image: "node:18"}
services:
  web:
    command: x
    healthcheck: {url: "http://localhost:8080/up?x=1", timeout: 3}
hooks: {setup: make, dev: make run, teardown: make clean}
`;
  t.match(specOf(text), {
    driver: 'docker',
    image: 'node:18',
    services: [
      { name: 'web', healthCheck: { http: { path: '/up?x=1', port: 8080 }, timeoutSeconds: 3 } },
      { name: 'dev', command: 'make run' },
    ],
    lifecycle: { preStart: 'make', preStop: 'make clean' },
  });
  const { warnings } = readRepoConfig(text);
  t.match(
    warnings.map(({ line, message }) => `${line}: ${message}`),
    [
      /2: docker .* providers\.docker/,
      /6: .*healthcheck.* health_check/,
      /7: hooks\.setup .* lifecycle\.pre_start/,
      /7: hooks\.dev .* services\.dev/,
      /7: hooks\.teardown .* lifecycle\.pre_stop/,
    ],
  );
});

t.test('every problem is told at once with its line and column', async t => {
  const { config, problems } = readRepoConfig(`version: "2.0"
provider: qemu
servces: {}
services:
  9web: {command: x}
  web:
    command: 5
    port: 99999
  api: {command: ok, port: 80, depends_on: [web, nope], health_check: {type: http, timeout: soon}}
  db: {command: ok, port: 80, env: {1A: x}}
  a: {command: ok, depends_on: [b]}
  b: {command: ok, depends_on: [a]}
providers:
  docker: {memory: 4096, cpu: many}
  lxc: {disk: 20 giraffes}
`);
  t.notOk(config);
  t.strictSame(
    problems.map(({ line, column, path }) => `${line}:${column} ${path.join('.')}`),
    [
      '1:10 version',
      '2:11 provider',
      '3:1 servces',
      '5:3 services.9web',
      '7:14 services.web.command',
      '8:11 services.web.port',
      '9:50 services.api.depends_on.1',
      '9:93 services.api.health_check.timeout',
      '10:37 services.db.env.1A',
      '11:32 services.a.depends_on',
      '14:20 providers.docker.memory',
      '15:15 providers.lxc.disk',
    ],
  );
  t.equal(problems[1]?.message, 'provider "qemu" is not supported; use docker or lxc');
  t.match(problems[2]?.message, /unknown key "servces"; there are .*services/);
});

const BAD: [reason: string, text: string, message: RegExp][] = [
  [
    'a port twice',
    'services: {a: {command: x, port: 1}, b: {command: x, port: 1}}',
    /port 1 is already .* a/,
  ],
  ['the port of SSH', 'services: {a: {command: x, port: 22}}', /SSH/],
  ['no command', 'services: {a: {port: 1}}', /command is missing/],
  [
    'a check of another machine',
    'services: {a: {command: x, health_check: "http://example.com/"}}',
    /inside/,
  ],
  ['a check over https', 'services: {a: {command: x, health_check: "https://localhost/"}}', /only http/],
  ['an exec check of nothing', 'services: {a: {command: x, health_check: {type: exec}}}', /needs a command/],
  [
    'a tcp check with a path',
    'services: {a: {command: x, port: 1, health_check: {type: tcp, path: /}}}',
    /no path/,
  ],
  ['env in two ways', 'services: {a: {command: x, env: {}, environment: {}}}', /twice/],
  ['a bare number of bytes', 'providers: {docker: {memory: "4096"}}', /4GB, 4Gi, 4096M/],
  ['a zero time', 'services: {a: {command: x, port: 1, health_check: {timeout: 0}}}', /must be > 0/],
  ['not a map', '[1, 2]', /must be a map/],
  ['broken YAML', 'services: {a: [}', /./],
  ['a key twice', 'name: a\nname: b', /unique/i],
  ['a bomb', `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(60)}]`, /alias/i],
  ['too large a file', `# ${'x'.repeat(300_000)}`, /256 KiB/],
];

t.test('what cannot be right is refused', async t => {
  for (const [reason, text, message] of BAD) {
    const { config, problems } = readRepoConfig(text);
    t.notOk(config, reason);
    t.ok(
      problems.some(problem => message.test(problem.message)),
      `${reason}: ${JSON.stringify(problems)}`,
    );
    t.ok(
      problems.every(({ line, column }) => line >= 1 && column >= 1),
      reason,
    );
  }
});

const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_-]{0,8}$/);
const junk = fc.anything({ maxDepth: 3, withNullPrototype: false });

t.test('any text is answered, and what is accepted is a Workspace that the API takes', async t => {
  const mostly = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.oneof<fc.MaybeWeightedArbitrary<unknown>[]>({ weight: 12, arbitrary }, { weight: 1, arbitrary: junk });
  const service = fc.record(
    {
      command: mostly(fc.constant('run')),
      port: mostly(fc.integer({ min: 1, max: 70_000 })),
      depends_on: fc.array(fc.constantFrom('a', 'b'), { maxLength: 1 }),
      env: mostly(fc.dictionary(name, fc.oneof(fc.string(), fc.integer()))),
      health_check: mostly(
        fc.constantFrom<object | string>(
          { type: 'http' },
          { type: 'tcp' },
          { command: 'true' },
          'http://localhost:1/',
        ),
      ),
    },
    { requiredKeys: ['command'] },
  );
  const config = fc.record(
    {
      version: mostly(fc.constant('1.0')),
      provider: mostly(fc.constantFrom('docker', 'lxc')),
      services: mostly(fc.dictionary(fc.oneof(fc.constantFrom('a', 'b'), name), service, { maxKeys: 3 })),
      providers: mostly(
        fc.record({
          docker: fc.record({ cpu: fc.double({ min: 0 }), memory: fc.constantFrom('4GB', '1.5gi') }),
        }),
      ),
      lifecycle: mostly(fc.constant({ pre_start: 'make' })),
    },
    { requiredKeys: [] },
  );
  let accepted = 0;
  fc.assert(
    fc.property(config, value => {
      let text: string;
      try {
        text = stringify(value);
      } catch {
        return;
      }
      const reading = readRepoConfig(text);
      if (reading.config === undefined) return reading.problems.length > 0;
      accepted++;
      specOf(text);
      return true;
    }),
    { numRuns: 500, examples: [[{ services: { '.': null } }]] },
  );
  t.ok(accepted > 30, `${accepted} were accepted`);
});
