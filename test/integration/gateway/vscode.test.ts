import { createServer } from 'node:net';
import t from 'tap';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { remoteSsh } from '../../support/remote-ssh.ts';
import { noSshd } from '../../support/sshd.ts';

t.test(
  'VS Code’s Remote-SSH: a script by stdin, a dynamic forward, and many channels over one long connection',
  { skip: noSshd() },
  async t => {
    const lab = await gatewayLab(t);
    const { connected } = await lab.uplink();
    await connected();
    // In place of the server that the editor installs there.
    const server = createServer(socket => void socket.on('error', () => {}).pipe(socket));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    const { config } = lab.ssh({ key: KEYS.alice });
    await remoteSsh(t, { args: ['-F', config, 'shop.alice'], echo: `echo "listeningOn==${port}=="` });
    t.equal(
      lab.logged('a channel was opened', { user: 'alice' }).length,
      1,
      'end to end, so one for the gateway',
    );
  },
);
