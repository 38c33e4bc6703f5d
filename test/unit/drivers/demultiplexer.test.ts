import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import t from 'tap';
import { Demultiplexer } from '../../../agent/drivers/docker/demultiplexer.ts';
import { settle } from '../../support/fake-clock.ts';

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

t.test('frames are told apart however the bytes come in', async () => {
  const frames = fc.array(
    fc.record({ stream: fc.constantFrom(1, 2), payload: fc.uint8Array({ maxLength: 40 }) }),
  );
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 60 }), async (parts, chunkBytes) => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const demultiplexer = new Demultiplexer(stdout, stderr);
      const all = Buffer.concat(parts.map(({ stream, payload }) => frame(stream, payload)));
      for (let at = 0; at < all.length; at += chunkBytes)
        demultiplexer.write(all.subarray(at, at + chunkBytes));
      demultiplexer.end();
      const [out, err] = await Promise.all([buffer(stdout), buffer(stderr)]);
      const wanted = (n: number) => Buffer.concat(parts.filter(p => p.stream === n).map(p => p.payload));
      return out.equals(wanted(1)) && err.equals(wanted(2));
    }),
    { numRuns: 60 },
  );
});

t.test('a reader that does not read holds everything up, until it reads or goes away', async t => {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 10 }), new PassThrough()];
  const demultiplexer = new Demultiplexer(stdout, stderr);
  let taken = false;
  demultiplexer.write(frame(1, Buffer.alloc(100)), () => {
    taken = true;
  });
  await settle();
  t.equal(taken, false);
  stdout.resume();
  await settle();
  t.equal(taken, true);

  stdout.pause();
  taken = false;
  demultiplexer.write(frame(1, Buffer.alloc(100)), () => {
    taken = true;
  });
  await settle();
  t.equal(taken, false);
  stdout.destroy();
  await settle();
  t.equal(taken, true);
  demultiplexer.end(frame(2, Buffer.from('still')));
  t.equal((await buffer(stderr)).toString(), 'still');
});
