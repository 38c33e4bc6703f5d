import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import ssh2, { type ClientChannel, type Connection } from 'ssh2';
import t from 'tap';
import { newAgentKey } from '../../../agent/ssh/agent-key.ts';
import { GcmCipher, GcmDecipher } from '../../../controller/kit/gcm-packets.ts';
import { hastenCiphers } from '../../../controller/kit/hasten-ciphers.ts';
import { SSH_ALGORITHMS } from '../../../controller/kit/ssh-algorithms.ts';
import { until } from '../../support/until.ts';

interface Insides {
  _protocol: { _cipher: object; _decipher: object };
  rekey(done: (error?: Error) => void): void;
}

const { bindingAvailable } = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as {
  bindingAvailable: boolean;
};
const skip = bindingAvailable && 'the native part of ssh2 is here, and keeps its keys to itself';

t.test(
  'a connection has our ciphers, also after a rekey in the midst, and gives back what it has read',
  { skip },
  async t => {
    const chunks: Buffer[] = [];
    const server = new ssh2.Server({ hostKeys: [newAgentKey().privateKey], algorithms: SSH_ALGORITHMS });
    const listener = createServer(socket => {
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      server.injectSocket(socket);
    });
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
    t.teardown(() => listener.close());
    const accepted = once(server, 'connection') as Promise<[Connection]>;
    server.on('connection', connection => {
      hastenCiphers(connection);
      connection.on('authentication', context => context.accept());
      connection.on('tcpip', accept => {
        const channel = accept();
        channel.pipe(channel);
      });
    });
    const client = new ssh2.Client();
    hastenCiphers(client);
    const socket: Socket = connect({ host: '127.0.0.1', port: (listener.address() as AddressInfo).port });
    t.teardown(() => socket.destroy());
    client.connect({ sock: socket, username: 'x', password: 'x', algorithms: SSH_ALGORITHMS });
    await once(client, 'ready');
    const [connection] = await accepted;
    const both = [client, connection] as unknown as [Insides, Insides];
    const ciphers = () => both.flatMap(({ _protocol }) => [_protocol._cipher, _protocol._decipher]);
    const ours = [GcmCipher, GcmDecipher, GcmCipher, GcmDecipher];
    t.same(
      ciphers().map(cipher => cipher.constructor),
      ours,
    );
    const before = ciphers();

    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.forwardOut('127.0.0.1', 1, 'echo', 1, (error, one) => (error ? reject(error) : resolve(one))),
    );
    const data = randomBytes(3_000_001);
    const back: Buffer[] = [];
    let bytes = 0;
    channel.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      back.push(chunk);
    });
    channel.write(data.subarray(0, 1_000_000));
    await new Promise<void>((resolve, reject) => both[1].rekey(error => (error ? reject(error) : resolve())));
    channel.write(data.subarray(1_000_000));
    await until(() => bytes === data.length, { timeoutMs: 30_000, everyMs: 5, what: () => `${bytes} bytes` });
    t.ok(Buffer.concat(back).equals(data), 'all comes back as it was');
    t.same(
      ciphers().map(cipher => cipher.constructor),
      ours,
    );
    t.same(
      ciphers().filter(cipher => before.includes(cipher)),
      [],
      'of new keys',
    );
    t.same(
      chunks.filter(({ length }) => length >= 4096),
      [],
      'nothing large is left of what the server has read',
    );
  },
);
