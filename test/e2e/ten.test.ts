import t from 'tap';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { findTestEngine } from '../support/engine.ts';
import { ensureTestImage } from '../support/images.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { until } from '../support/until.ts';

const COUNT = 10;
const names = Array.from({ length: COUNT }, (_, i) => `ten-${i}`);
const engine = await findTestEngine();
t.setTimeout(180_000);

const manifest = (image: string) =>
  names
    .map(
      (name, i) => `---
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: ${name}, namespace: default, labels: {team: ten}}
spec:
  image: "${image}"
  env: [{name: WHO, value: ${name}}]
  services:
  - {name: web, command: "exec python3 -c 'import os,socket\\ns=socket.create_server((\\"127.0.0.1\\",3000))\\nwhile True:\\n c,_=s.accept(); c.sendall(os.environ[\\"WHO\\"].encode()); c.close()'", port: 3000, healthCheck: {tcp: {}, intervalSeconds: 1}}
  - {name: loop${i}, command: "while :; do sleep 1; done", dependsOn: [web]}
`,
    )
    .join('');

t.test(
  'ten workspaces applied at once are all ready, and none interferes with another',
  {
    skip: 'problem' in engine ? engine.problem : false,
    timeout: 170_000,
  },
  async t => {
    if ('problem' in engine) return;
    const image = await ensureTestImage(engine.docker, 'ready');
    const up = await nexusUp();
    t.teardown(() => up.destroy());
    const { code, stdout, stderr } = await up.apply(manifest(image), '--wait', '--timeout', '120s');
    if (code !== 0) t.comment(stderr);
    t.equal(code, 0);
    t.equal(stdout.match(/created/g)?.length, COUNT);

    const list = (await up.client.list(WORKSPACE, { labelSelector: 'team=ten' })).items;
    const ports = list.flatMap(({ status }: Workspace) => [
      status?.ssh?.port,
      ...(status?.services ?? []).flatMap(({ hostPort }) => hostPort ?? []),
    ]);
    t.equal(new Set(ports).size, ports.length, 'no port is given out twice');
    t.equal(new Set(list.map(({ status }) => status?.containerID)).size, COUNT);
    t.equal(
      new Set(list.flatMap(({ status }) => status?.ssh?.hostKeys ?? [])).size,
      COUNT,
      'host keys are their own',
    );

    const answers = await Promise.all(
      names.map(name => up.cli(['exec', name, '--', 'sh', '-c', 'echo "$WHO $(hostname)"'])),
    );
    t.same(
      answers.map(answer => answer.stdout.trim()),
      names.map(name => `${name} ${name}`),
    );

    const deleted = await up.cli(['delete', 'ws', '-l', 'team=ten', '--timeout', '60s']);
    t.equal(deleted.code, 0, deleted.stderr);
    const left = async () =>
      (await engine.docker.listContainers({ all: true, filters: { label: [`nexus.dev/node=${up.node}`] } }))
        .length;
    await until(async () => (await left()) === 0, {
      timeoutMs: 10_000,
      what: () => 'no container to be left',
    });
  },
);
