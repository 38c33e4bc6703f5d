import { Readable } from 'node:stream';
import fastify from 'fastify';
import t from 'tap';
import { injectTransport } from '../../../controller/client/inject-transport.ts';

/** A server that answers each request with two chunks; tells whether the last one was broken off. */
function lab() {
  let aborted = () => false;
  const res = { destroyed: false, destroy: () => Object.assign(res, { destroyed: true }) };
  const transport = injectTransport({
    async inject({ signal }) {
      aborted = () => signal.aborted;
      res.destroyed = false;
      return {
        statusCode: 200,
        headers: {},
        stream: () => Readable.from([Buffer.from('one'), Buffer.from('two')]),
        raw: { res },
      };
    },
  });
  const brokenOff = () => [aborted(), res.destroyed];
  const ask = () => transport.request({ method: 'GET', path: '/', headers: {} });
  return { transport, ask, brokenOff };
}

t.test('a request that is over is not broken off afterwards', async t => {
  const { transport, ask, brokenOff } = lab();
  const answer = await ask();
  const chunks: string[] = [];
  for await (const chunk of answer.body) chunks.push(String(chunk));
  t.same(chunks, ['one', 'two']);
  answer.destroy();
  t.same(brokenOff(), [false, false]);
  await transport.close();
  t.same(brokenOff(), [false, false]);
});

t.test(
  'one that is not over is broken off by its caller, by whoever stops reading, and by the end of all',
  async t => {
    const { transport, ask, brokenOff } = lab();
    (await ask()).destroy();
    t.same(brokenOff(), [true, true]);

    const answer = await ask();
    for await (const chunk of answer.body) {
      t.equal(String(chunk), 'one');
      break;
    }
    t.same(brokenOff(), [true, true]);

    await ask();
    t.same(brokenOff(), [false, false]);
    await transport.close();
    t.same(brokenOff(), [true, true]);
  },
);

t.test('one that is aborted in the moment it is made takes nothing down', async t => {
  const app = fastify();
  t.teardown(() => app.close());
  app.get('/', async () => 'an answer');
  await app.ready();
  const { request } = injectTransport(app);
  const abort = new AbortController();
  const asked = request({ method: 'GET', path: '/', headers: {}, signal: abort.signal });
  abort.abort(new Error('enough'));
  const read = async () => {
    for await (const _ of (await asked).body);
  };
  await t.rejects(read(), { message: 'enough' });
});
