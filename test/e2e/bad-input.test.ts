import t, { type Test } from 'tap';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { makeRepository, startGitServer } from '../support/git-server.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { until } from '../support/until.ts';
import { type UpLab, upLab, webServer, workspaceManifest } from '../support/up-lab.ts';

/** Within which a condition must say what is wrong. */
const TOLD_MS = 30_000;

async function applied(lab: UpLab, name: string, spec: WorkspaceSpec): Promise<void> {
  const { code, stderr } = await lab.up.apply(workspaceManifest(name, { image: lab.image, ...spec }));
  if (code !== 0) throw new Error(`apply exited with ${code}: ${stderr}`);
}

t.setTimeout(590_000);

await onEachEngine(t, 'what a person gets wrong is told, can be put right and be deleted', { test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const root = t.testdir({});
  const git = await startGitServer(t, root, '0.0.0.0');
  const { main } = await makeRepository(root, 'shop');
  const lab = await upLab(t, engine, { args: [`--allow-host-port=${git.port}`] });
  const { up } = lab;
  const url = `http://node.nexus.internal:${git.port}/shop.git`;
  const secretUrl = `http://node.nexus.internal:${git.port}/private/shop.git`;
  const conditionOf = async (name: string, type: string) =>
    (await up.workspace(name)).status?.conditions?.find(condition => condition.type === type);
  const phaseOf = async (name: string) => (await up.workspace(name)).status?.phase;

  // All at once: none of them disturbs another.
  const crashing: WorkspaceSpec = { services: [{ name: 'web', command: 'echo gone; exit 3' }] };
  const check = { http: { path: '/' }, intervalSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 };
  const sick = (path: string): WorkspaceSpec => ({
    services: [
      {
        name: 'web',
        command: webServer(3000, 'one'),
        port: 3000,
        healthCheck: { ...check, http: { path, port: path === '/' ? 3000 : 3999 } },
      },
      { name: 'after', command: 'exec sleep 1000', dependsOn: ['web'] },
    ],
  });
  const bad: Record<string, WorkspaceSpec> = {
    image: { image: '127.0.0.1:1/none:1' },
    unreachable: { repo: { url: 'http://127.0.0.1:1/none.git' } },
    private: { repo: { url: secretUrl } },
    ref: { repo: { url, ref: 'no-such-branch' } },
    crashing,
    sick: sick('/never'),
    huge: { resources: { cpu: '1000' } },
    nowhere: { nodeSelector: { zone: 'mars' } },
  };
  for (const [name, spec] of Object.entries(bad)) await applied(lab, name, spec);

  await t.test('an image that cannot be had', async t => {
    // LXD knows of no server that has it; for Docker there is a registry that is out of reach.
    const reason = engine.driver === 'lxc' ? 'ImageNotFound' : 'ImagePullFailed';
    const { message } = (await lab.untilCondition('image', 'ImageReady', reason, TOLD_MS)).status ?? {};
    t.match(message, '127.0.0.1:1/none:1');
    t.equal(await phaseOf('image'), 'Failed');
    t.same(await lab.leftovers().then(names => names.filter(name => name.includes('nexus-image.'))), []);
    await applied(lab, 'image', {});
    await lab.ready('image', TOLD_MS);
    await lab.remove('image');
  });

  await t.test('a repository that cannot be reached', async t => {
    await lab.untilCondition('unreachable', 'RepositoryReady', 'CloneFailed', TOLD_MS);
    t.equal(await phaseOf('unreachable'), 'Degraded');
    t.equal(await (await lab.ssh('unreachable')).untilLogin(), 'here', 'a login works all the same');
    await applied(lab, 'unreachable', { repo: { url } });
    await lab.ready('unreachable', TOLD_MS);
    t.equal((await up.workspace('unreachable')).status?.repository?.commit, main);
    await lab.remove('unreachable');
  });

  await t.test('a ref that is not there', async t => {
    await lab.untilCondition('ref', 'RepositoryReady', 'RefNotFound', TOLD_MS);
    t.equal(await phaseOf('ref'), 'Degraded');
    const { code, stderr } = await up.apply(
      workspaceManifest('ref', { image: lab.image, ...bad.ref }),
      '--wait',
      '--timeout=120s',
    );
    t.equal(code, 1, 'a command that waits ends');
    t.match(stderr, /error: ref cannot become ready: .*\nnext: nexus edit ws ref {3}\(spec.repo.ref\)/);
    await applied(lab, 'ref', { repo: { url, ref: 'main' } });
    await lab.ready('ref', TOLD_MS);
    t.equal((await up.workspace('ref')).status?.repository?.commit, main);
    await lab.remove('ref');
  });

  await t.test('a repository that asks for credentials', async t => {
    const { status } = await lab.untilCondition(
      'private',
      'RepositoryReady',
      'AuthenticationFailed',
      TOLD_MS,
    );
    t.match(status?.message, 'credentialsSecretRef');
    const secret = (password: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'git' },
        stringData: { username: 'ada', password },
      });
    const spec: WorkspaceSpec = { repo: { url: secretUrl, credentialsSecretRef: { name: 'git' } } };
    await applied(lab, 'private', spec);
    await lab.untilCondition('private', 'Scheduled', 'SecretNotFound', TOLD_MS);
    t.equal((await up.apply(secret('wrong'))).code, 0);
    await lab.untilCondition('private', 'RepositoryReady', 'AuthenticationFailed', TOLD_MS);
    t.equal((await up.apply(secret(git.password))).code, 0);
    await lab.ready('private', TOLD_MS);
    t.equal((await up.workspace('private')).status?.repository?.commit, main);

    const { id } = await lab.life('private');
    const needles = ['w0rd-needle', Buffer.from(`ada:${git.password}`).toString('base64')];
    for (const needle of needles) {
      t.equal(await engine.filesContain(id, needle), false, 'not in the file system of the instance');
      t.equal(await lab.root('private', `grep -rlF '${needle}' /home /tmp || true`), '', 'nor on the volume');
      t.notMatch((await lab.look('private')).text, needle, 'nor with the engine');
      t.notMatch(up.log(), needle, 'nor in a log');
    }
    const inMemory = await lab.root('private', `grep -rlF '${git.password}' /run || true`);
    t.equal(inMemory, '/run/nexus/git-login', 'and in memory for a push alone');
    t.notMatch(await lab.root('private', 'cat /home/dev/workspace/.git/config'), /ada|needle/);
    await lab.remove('private');
  });

  await t.test('a service that exits at once', async t => {
    const { status } = await lab.untilCondition('crashing', 'ServicesReady', 'ServiceExited', TOLD_MS);
    t.equal(status?.phase, 'Degraded');
    t.match(status?.services, [{ name: 'web', exitCode: 3 }]);
    await lab.untilEvent('crashing', 'ServiceExited');
    t.match((await up.cli(['logs', 'crashing', '--service=web'])).stdout, 'gone');
    await applied(lab, 'crashing', { services: [{ name: 'web', command: 'exec sleep 1000' }] });
    await lab.ready('crashing', TOLD_MS);
    await lab.remove('crashing');
  });

  await t.test('a health check that never passes holds back what depends on it', async t => {
    const { status } = await lab.untilCondition('sick', 'ServicesReady', 'ServiceUnhealthy', TOLD_MS);
    t.equal(status?.phase, 'Degraded');
    t.match(status?.services, [
      { name: 'web', health: 'Unhealthy', message: /./ },
      { name: 'after', state: 'Waiting', message: 'waits for web' },
    ]);
    await applied(lab, 'sick', sick('/'));
    await lab.ready('sick', TOLD_MS);
    await lab.remove('sick');
  });

  await t.test('no node that fits', async t => {
    for (const [name, why] of [
      ['huge', /^0\/1 nodes: 1 has not enough CPU/],
      ['nowhere', /^0\/1 nodes: 1 lacks the labels of nodeSelector/],
    ] as const) {
      await lab.untilCondition(name, 'Scheduled', 'NoNodeFits', TOLD_MS);
      t.match((await conditionOf(name, 'Scheduled'))?.message, why);
      t.equal(await phaseOf(name), 'Pending');
    }
    await lab.remove('nowhere');
    await applied(lab, 'huge', { resources: { cpu: '500m' } });
    await lab.ready('huge', TOLD_MS);
  });

  await t.test('a range of ports that is used up', async t => {
    const { from } = lab.ports.services;
    const narrow = (to: number) =>
      up.client.patch(NODE, { name: up.node }, 'merge', { spec: { ports: { services: { from, to } } } });
    await narrow(from);
    const port = (name: string, number: number) => ({ name, port: number });
    await applied(lab, 'ports', { ports: [port('a', 8001), port('b', 8002)] });
    await lab.untilCondition('ports', 'Scheduled', 'PortsExhausted', TOLD_MS);
    await applied(lab, 'ports', { ports: [port('a', 8001)] });
    const { status } = await lab.ready('ports', TOLD_MS);
    t.match(status?.ports, [{ name: 'a', hostPort: from }]);
    await applied(lab, 'ports', { ports: [port('a', 8001), port('b', 8002)] });
    await lab.untilCondition('ports', 'Scheduled', 'PortsExhausted', TOLD_MS);
    t.equal(await (await lab.ssh('ports')).untilLogin(), 'here', 'what runs goes on');
    await narrow(from + 5);
    const ports = (await lab.ready('ports', TOLD_MS)).status?.ports ?? [];
    t.match(ports, [{ hostPort: from }, { name: 'b' }]);
    // The next one may be taken by another program of the machine.
    t.ok((ports[1]?.hostPort ?? 0) > from && (ports[1]?.hostPort ?? 0) <= from + 5, 'within the wider range');
  });

  // What is refused before any node hears of it is so whatever the engine.
  if (engine.driver === 'docker') await refusals(t, lab);

  await t.test('a delete in the middle of trouble leaves nothing', async t => {
    await applied(lab, 'doomed', { repo: { url: secretUrl }, ...crashing });
    await until(async () => (await phaseOf('doomed')) !== undefined, {
      timeoutMs: 15_000,
      what: () => 'a start',
    });
    for (const name of ['doomed', 'huge', 'ports']) await lab.remove(name);
    t.same(await lab.leftovers(), []);
    t.match((await up.cli(['get', 'ws', '-o', 'name'])).stdout, /^\s*$/);
  });
}

async function refusals(t: Test, { up }: UpLab): Promise<void> {
  await t.test('a spec that contradicts itself is refused, and nothing is stored', async t => {
    const refused = async (spec: WorkspaceSpec, why: RegExp) => {
      const { code, stderr } = await up.apply(workspaceManifest('refused', spec));
      t.equal(code, 1);
      t.match(stderr, why);
    };
    const service = (name: string, rest: object) => ({ name, command: 'true', ...rest });
    await refused(
      { services: [service('a', { dependsOn: ['b'] }), service('b', { dependsOn: ['a'] })] },
      /dependsOn goes round in a circle: a -> b -> a/,
    );
    await refused({ services: [service('a', { dependsOn: ['a'] })] }, /depend/);
    await refused({ services: [service('a', { dependsOn: ['none'] })] }, /not declared/);
    await refused({ services: [service('a', { port: 3000 }), service('b', { port: 3000 })] }, /same port/);
    await refused({ services: [service('a', { port: 22 })] }, /SSH/);
    await refused({ services: [service('a', { port: 70_000 })] }, /65535/);
    await refused({ resources: { memory: 'much' } }, /memory/);
    await refused({ imagee: 'typo' } as WorkspaceSpec, /imagee/);
    t.equal((await up.cli(['get', 'ws', 'refused'])).code, 3);
  });

  await t.test('files that are no manifests end in an error at once', async t => {
    const began = performance.now();
    const large = JSON.parse(workspaceManifest('large', {}));
    large.metadata.annotations = { filling: 'x'.repeat(5 * 1024 * 1024) };
    const big = await up.apply(JSON.stringify(large));
    t.equal(big.code, 2, big.stderr.slice(0, 300));
    t.match(big.stderr, /5\.0 MiB is more than/);
    const refusal = await up.client.create(WORKSPACE, large).then(
      () => 'stored',
      (error: { reason?: string }) => error.reason,
    );
    t.equal(refusal, 'RequestEntityTooLarge', 'as the server says');
    t.ok(big.stderr.length < 2000, 'it does not print the manifest');
    for (const [what, text] of Object.entries({
      malformed: 'kind: Workspace\nmetadata: {name: x\n',
      tabs: 'kind: Workspace\nmetadata:\n\tname: x\n',
      'no object': '- just\n- a list\n',
      'no kind': 'metadata: {name: x}\n',
      bomb: bomb(),
      deep: `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    })) {
      const { code, stderr } = await up.apply(text);
      t.equal(code, 2, `${what}: ${stderr.slice(0, 200)}`);
      t.match(stderr, /^error: stdin:/);
      t.notMatch(stderr, /call stack/i);
    }
    t.ok(performance.now() - began < 120_000);
    t.equal((await up.cli(['get', 'ws'])).code, 0, 'the server is well');
  });
}

/** Nine levels of nine aliases each: half a billion strings. */
function bomb(): string {
  const level = (i: number) =>
    `l${i}: &l${i} [${Array.from({ length: 9 }, () => (i === 0 ? 'lol' : `*l${i - 1}`)).join(', ')}]`;
  return `${Array.from({ length: 9 }, (_, i) => level(i)).join('\n')}\nkind: Workspace\n`;
}
