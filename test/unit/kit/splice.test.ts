import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { splice } from '../../../controller/kit/splice.ts';

/** Both ends of a connection. */
async function pair(t: Test): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const accepted = once(server, 'connection');
  const { port } = server.address() as AddressInfo;
  const here = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const [there] = (await accepted) as [Socket];
  server.close();
  for (const socket of [here, there]) t.teardown(() => socket.destroy());
  return [here, there];
}

/** No multiple of what is read at once. */
const DATA = Buffer.alloc(1_000_003, 'all of it arrives ');

t.test('what a socket has read is given back once it was written on, and arrives whole', async t => {
  const [begin, a] = await pair(t);
  const [b, end] = await pair(t);
  const chunks: Buffer[] = [];
  let read = 0;
  a.on('data', (chunk: Buffer) => {
    read += chunk.length;
    chunks.push(chunk);
  });
  const arrived: Buffer[] = [];
  end.on('data', (chunk: Buffer) => arrived.push(chunk));
  splice(a, b);
  begin.end(DATA);
  await once(end, 'end');
  t.equal(read, DATA.length);
  t.ok(Buffer.concat(arrived).equals(DATA));
  const kept = chunks.filter(({ length }) => length >= 4096);
  t.same(kept, [], 'but for small ones');
  t.ok(chunks.length > 1);
});

t.test('what comes of another stream is its own affair', async t => {
  const [b, end] = await pair(t);
  const a = new PassThrough({ allowHalfOpen: true });
  const arrived: Buffer[] = [];
  end.on('data', (chunk: Buffer) => arrived.push(chunk));
  splice(a, b);
  const data = Buffer.from(DATA);
  a.end(data);
  await once(end, 'end');
  t.ok(Buffer.concat(arrived).equals(DATA));
  t.ok(data.equals(DATA), 'as it was');
});
