import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { patience } from '../support/until.ts';
import { isReady, upLab, webServer } from '../support/up-lab.ts';

const run = promisify(execFile);

const noKubectl = await run('kubectl', ['version', '--client']).then(
  () => false as const,
  () => 'there is no kubectl',
);

t.setTimeout(590_000);

await onEachEngine(t, 'a workspace by way of kubectl', { skip: noKubectl, test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const lab = await upLab(t, engine);
  const { up } = lab;
  const kubectl = async (args: string[], input = '') => {
    const env = { PATH: process.env.PATH, HOME: up.home, KUBECONFIG: up.kubeconfig };
    const started = run('kubectl', args, { env, timeout: patience(60_000) });
    started.child.stdin?.end(input);
    const { stdout } = await started;
    return stdout;
  };
  const manifest = (name: string, text: string) => `
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata:
  name: ${name}
  labels: {team: red}
spec:
  image: ${lab.image}
  services:
  - name: web
    port: 3000
    healthCheck: {http: {path: /}}
    command: |
      ${webServer(3000, text).replaceAll('127.0.0.1', '0.0.0.0').replaceAll('\n', '\n      ')}
  - name: open
    port: 3001
    exposure: Node
    command: |
      ${webServer(3001, text).replaceAll('127.0.0.1', '0.0.0.0').replaceAll('\n', '\n      ')}
`;
  const both = `${manifest('one', 'first')}---${manifest('two', 'second')}`;

  await t.test('apply, wait and apply again', async t => {
    t.match(await kubectl(['apply', '-f', '-'], both), /workspace.nexus.dev\/one created\n.*two created/);
    await kubectl(['wait', 'ws', '--all', '--for=condition=Ready', '--timeout=180s']);
    const before = (await up.workspace('one')).metadata;
    // A client-side apply sends lists again in which the server has filled in defaults: nothing is written all the same.
    await kubectl(['apply', '-f', '-'], both);
    await kubectl(['annotate', 'ws', 'one', 'nothing-']);
    const { resourceVersion, generation } = (await up.workspace('one')).metadata;
    t.same(
      { resourceVersion, generation },
      { resourceVersion: before.resourceVersion, generation: before.generation },
    );
    t.equal(await kubectl(['diff', '-f', '-'], both), '');
  });

  await t.test('get and describe tell what people need', async t => {
    const table = await kubectl(['get', 'ws', '-l', 'team=red']);
    t.match(table, /^NAME +PHASE +READY +NODE +SSH +AGE\n/);
    t.match(table, new RegExp(`one +Running +2/2 +${up.node} +127\\.0\\.0\\.1:\\d+ +\\d+s`));
    t.match(await kubectl(['get', 'nodes.nexus.dev']), new RegExp(`${up.node} +True`));
    const said = await kubectl(['describe', 'ws', 'one']);
    t.match(said, /Type: +Ready/);
    t.match(said, /Events:[\s\S]*Created +.*container was made/);
    t.match(await kubectl(['explain', 'workspace.spec.running']), 'stops it');
    const path = 'jsonpath={.status.ssh.port}';
    t.equal(
      Number(await kubectl(['get', 'ws', 'one', '-o', path])),
      (await up.workspace('one')).status?.ssh?.port,
    );
  });

  await t.test('patch, label and annotate are followed', async t => {
    await kubectl(['patch', 'ws', 'two', '--type=merge', '-p', '{"spec":{"running":false}}']);
    await kubectl(['wait', 'ws/two', '--for=jsonpath={.status.phase}=Stopped', '--timeout=180s']);
    await kubectl(['patch', 'ws', 'two', '--type=merge', '-p', '{"spec":{"running":true}}']);
    await up.untilWorkspace('two', 'runs again', isReady, 30_000);
    await kubectl(['label', 'ws', 'two', 'team=blue', '--overwrite']);
    t.match(await kubectl(['get', 'ws', '-l', 'team=blue', '-o', 'name']), /^workspace.nexus.dev\/two\n$/);
  });

  const one = await lab.ssh('one');
  const two = await up.workspace('two');
  /** Which of these a connection from inside of `one` reaches, as host:port. All at once: a packet that is dropped takes its time. */
  const reached = async (targets: [host: string, port: number][]) => {
    const tries = targets.map(
      ([host, port]) =>
        `(timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/${port}' && echo ${host}:${port}) 2>/dev/null &`,
    );
    const said = await one.exec(`${tries.join(' ')} wait`);
    return said.split('\n').filter(line => line !== '');
  };

  await t.test('workspaces cannot reach each other', async t => {
    t.match(
      (await lab.up.client.raw('GET', `/apis/nexus.dev/v1alpha1/nodes/${up.node}`)).text,
      /"type":"WorkspacesIsolated","status":"True"|"status":"True","type":"WorkspacesIsolated"/,
    );
    const { address: ip, gateway, name } = await lab.look('two');
    const own = (await lab.look('one')).address;
    t.same(await reached([[own, 3001]]), [`${own}:3001`], 'the way to ask works');
    const published = [
      two.status?.ssh?.port ?? 0,
      ...(two.status?.services ?? []).map(({ hostPort }) => hostPort ?? 0),
    ];
    const node = Object.values(networkInterfaces())
      .flatMap(found => found ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    const hosts = ['node.nexus.internal', gateway, node ?? gateway];
    t.same(
      await reached([
        ...[22, 3000, 3001].flatMap((port): [string, number][] => [ip, name].map(host => [host, port])),
        ...published.flatMap((port): [string, number][] => hosts.map(host => [host, port])),
      ]),
      [],
    );
  });

  await t.test('nor what listens on the node', async t => {
    const server = createServer(socket => socket.end());
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    const { gateway } = await lab.look('one');
    t.same(
      await reached([
        ['node.nexus.internal', port],
        [gateway, port],
      ]),
      [],
    );
  });

  const host = 'deb.debian.org';
  const offline = await run('getent', ['ahostsv4', host]).then(
    () => false as const,
    () => `this machine cannot resolve ${host}`,
  );
  await t.test('names are resolved inside as they are outside', { skip: offline }, async t => {
    t.match(await one.exec(`getent ahostsv4 ${host} | head -1`), /^\d+\.\d+\.\d+\.\d+/);
  });

  await t.test('delete takes everything along', async t => {
    await kubectl(['delete', '-f', '-', '--timeout=180s'], both);
    t.equal(await kubectl(['get', 'ws', '-o', 'name']), '');
    t.same(await lab.leftovers(), []);
  });
}
