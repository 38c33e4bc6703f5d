import { spawnSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../../controller/client/connect.ts';
import { SOCKET_EXTENSION } from '../../../controller/client/kubeconfig.ts';
import { updateKubeconfig } from '../../../controller/client/write-kubeconfig.ts';
import { NAMESPACE } from '../../../crds/kinds.ts';
import { localServer } from '../../support/local-server.ts';
import { freePorts } from '../../support/ports.ts';

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
