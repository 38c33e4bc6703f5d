import { spawnSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connect } from '../../../controller/client/connect.ts';
import { type KubeconfigUser, SOCKET_EXTENSION } from '../../../controller/client/kubeconfig.ts';
import { updateKubeconfig, writeKubeconfig } from '../../../controller/client/write-kubeconfig.ts';
import { NAMESPACE } from '../../../crds/kinds.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startHttpsServer } from '../../support/https-server.ts';
import { localServer } from '../../support/local-server.ts';
import { freePorts } from '../../support/ports.ts';

const invalid = { name: 'KubeconfigError', code: 'Invalid' };

async function setup(t: Test, makeUser: (dir: string) => Promise<KubeconfigUser> | KubeconfigUser) {
  const server = await startHttpsServer((request, response) => {
    response.end(JSON.stringify(request.headers.authorization ?? 'nobody'));
  });
  const dir = t.testdir({});
  const file = join(dir, 'kubeconfig');
  const authority = Buffer.from(server.certificates.ca).toString('base64');
  await writeKubeconfig(file, {
    name: 'test',
    cluster: { server: server.url, 'certificate-authority-data': authority },
    user: await makeUser(dir),
    namespace: 'team',
  });
  const clock = new FakeClock();
  const open = async () => {
    const { client, connection } = await connect({ file, clock });
    t.teardown(() => client.close());
    const who = async () => JSON.parse((await client.raw('GET', '/')).text);
    return { who, connection };
  };
  t.teardown(() => server.close());
  return { open, dir, clock };
}

/** A credential program that counts how often it was run. */
async function program(dir: string, status: string): Promise<string> {
  const path = join(dir, 'login');
  const answer = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}`;
  await writeFile(path, `#!/bin/sh\necho x >> '${dir}/runs'\ncat <<'E'\n${answer}\nE\n`);
  await chmod(path, 0o755);
  return path;
}

const exec = (command: string) => ({
  exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' },
});

t.test('a token in the kubeconfig is sent, and its context’s namespace is told', async t => {
  const { open } = await setup(t, () => ({ token: 'T' }));
  const { who, connection } = await open();
  t.equal(await who(), 'Bearer T');
  t.equal(connection.namespace, 'team');
});

t.test('without credentials none are sent', async t => {
  const { open } = await setup(t, () => ({}));
  t.equal(await (await open()).who(), 'nobody');
});

t.test('a token in a file is read again after a while, and kept when the file is gone', async t => {
  const { open, dir, clock } = await setup(t, async dir => {
    await writeFile(join(dir, 'token'), 'one\n');
    return { tokenFile: 'token' };
  });
  const { who } = await open();
  t.equal(await who(), 'Bearer one');
  await writeFile(join(dir, 'token'), 'two\n');
  t.equal(await who(), 'Bearer one');
  await clock.advance(61_000);
  t.equal(await who(), 'Bearer two');
  await rm(join(dir, 'token'));
  await clock.advance(61_000);
  t.equal(await who(), 'Bearer two');
});

t.test('a token file that is not there is said', async t => {
  const { open } = await setup(t, () => ({ tokenFile: 'none' }));
  const { who } = await open();
  await t.rejects(who(), invalid);
});

t.test('a program is asked for the token, once for as long as it holds', async t => {
  const { open } = await setup(t, async dir => exec(await program(dir, '{"token":"from-program"}')));
  const { who } = await open();
  t.equal(await who(), 'Bearer from-program');
  t.equal(await who(), 'Bearer from-program');
});

t.test('a program that fails is said before anything is sent', async t => {
  const { open } = await setup(t, () => exec('/bin/false'));
  await t.rejects(open(), invalid);
});

t.test('programs of the same user reach the server by its socket, and nobody else does', async t => {
  const server = await localServer();
  t.teardown(() => server.close());
  const socket = join(server.home, 'server', 'api.sock');
  t.equal(statSync(socket).mode & 0o777, 0o600);

  const [nobody] = await freePorts(1);
  const url = `https://127.0.0.1:${nobody}`;
  const rename = (of: string | undefined) =>
    updateKubeconfig(server.kubeconfig, config => ({
      ...config,
      clusters: config.clusters?.map(({ name, cluster }) => ({
        name,
        cluster: {
          ...cluster,
          server: url,
          ...(of && { extensions: [{ name: SOCKET_EXTENSION, extension: { of, path: socket } }] }),
        },
      })),
    }));
  const names = async () => {
    const { client } = await connect({ file: server.kubeconfig });
    try {
      return (await client.list(NAMESPACE)).items.map(({ metadata }) => metadata.name);
    } finally {
      await client.close();
    }
  };
  await rename(undefined);
  await t.rejects(
    names(),
    { name: 'ApiError', reason: 'Unreachable' },
    'an edited address is another server',
  );
  // Nothing listens where the kubeconfig says, so only the socket can have answered.
  await rename(url);
  t.ok((await names()).includes('default'));

  chmodSync(socket, 0o666);
  await t.rejects(
    names(),
    { name: 'ApiError', reason: 'Unreachable' },
    'a socket that others may open is not trusted with a token',
  );
  chmodSync(socket, 0o600);
  t.ok((await names()).includes('default'));
});

t.test('kubectl reads the kubeconfig all the same, and a call without a token is refused', async t => {
  const server = await localServer();
  t.teardown(() => server.close());
  const { status, stdout, stderr } = spawnSync(
    'kubectl',
    ['--kubeconfig', server.kubeconfig, 'config', 'view', '-o', 'name'],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr + stdout);
  const socketPath = join(server.home, 'server', 'api.sock');
  const { request } = await import('node:http');
  const code = await new Promise(resolve =>
    request({ socketPath, path: '/api/v1/namespaces', agent: false }, response =>
      resolve(response.resume().statusCode),
    ).end(),
  );
  t.equal(code, 403);
});
