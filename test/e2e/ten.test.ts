import t, { type Test } from 'tap';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { tellWhenFailed } from '../support/tell-when-failed.ts';
import { until } from '../support/until.ts';

const COUNT = 10;
const names = Array.from({ length: COUNT }, (_, i) => `ten-${i}`);
t.setTimeout(590_000);

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
  - {name: loop${i}, command: "exec sleep 1000", dependsOn: [web]}
`,
    )
    .join('');

await onEachEngine(t, 'ten workspaces applied at once are all ready, and none interferes with another', {
  test,
});

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const image = await engine.image();
  const up = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  tellWhenFailed(t, () => ({ client: up.client, logs: { 'nexus up': up.log } }));
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
    names.map(name => up.cli(['exec', '--via=direct', name, '--', 'sh', '-c', 'echo "$WHO $(hostname)"'])),
  );
  t.same(
    answers.map(({ stdout, stderr }) => (stdout || stderr).trim()),
    names.map(name => `${name} ${name}`),
  );

  const deleted = await up.cli(['delete', 'ws', '-l', 'team=ten', '--timeout', '180s']);
  t.equal(deleted.code, 0, deleted.stderr);
  await until(async () => (await engine.instances(up.node)).length === 0, {
    timeoutMs: 10_000,
    what: () => 'no instance to be left',
  });
}
