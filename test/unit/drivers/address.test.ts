import { createServer } from 'node:http';
import { inspect } from 'node:util';
import t from 'tap';
import { connect } from '../../../agent/drivers/docker/address.ts';

t.test('what the client renders of each call does not grow with its open connections', async t => {
  const server = createServer((_, response) => response.end('OK'));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { docker, close } = connect({
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
  });
  t.teardown(() => {
    close();
    server.close();
  });
  await docker.ping();
  const { agent } = docker.modem as unknown as { agent: { freeSockets: object } };
  t.equal(Object.keys(agent.freeSockets).length, 1, 'a connection is kept');
  t.equal(inspect({ agent }, { showHidden: true, depth: null }), '{ agent: Agent }');
});
