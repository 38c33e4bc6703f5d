import fc from 'fast-check';
import t from 'tap';
import { splitLines, watchEvents } from '../../../controller/client/watch-stream.ts';

async function* chunks(parts: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of stream) out.push(item);
  return out;
}

t.test('lines are found wherever the chunks are cut, also within a character', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ unit: 'binary', minLength: 1 }).map(s => s.replace(/\s/g, '') || 'x'),
        { maxLength: 8 },
      ),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      async (lines, sizes) => {
        const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''));
        const parts: Buffer[] = [];
        for (let i = 0, n = 0; i < bytes.length; n++) {
          const size = sizes[n % sizes.length] as number;
          parts.push(bytes.subarray(i, i + size));
          i += size;
        }
        const found = await all(splitLines(chunks(parts)));
        const expected = lines.map(line => Buffer.from(line).toString());
        if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error('lines differ');
      },
    ),
    { numRuns: 40 },
  );
});

t.test('empty lines and CRLF do no harm; a last line without its end counts', async t => {
  t.same(await all(splitLines(chunks(['\n\r\na\r\n\nb']))), ['a', 'b']);
});

t.test('a line without end is given up', async t => {
  await t.rejects(all(splitLines(chunks(['abc', 'def', 'ghi']), 8)), { name: 'ApiError' });
});

t.test('an ERROR event is thrown as what it says', async t => {
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
  const stream = watchEvents(chunks([`${JSON.stringify({ type: 'ERROR', object: status })}\n`]));
  const expired = { name: 'ApiError', reason: 'Expired' };
  await t.rejects(all(stream), expired);
});

t.test('what is no event means that the stream was cut', async t => {
  const cut = { name: 'ApiError', reason: 'Unreachable' };
  for (const text of [
    '{"type":"ADDED","obj',
    '<html>',
    'null',
    '{"type":"OTHER","object":{}}',
    '{"type":"ADDED"}',
  ])
    await t.rejects(all(watchEvents(chunks([`${text}\n`]))), cut, text);
});
