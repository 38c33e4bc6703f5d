import fc from 'fast-check';
import t from 'tap';
import { decodeBody, mediaTypeOf } from '../../../controller/apiserver/http/decode-body.ts';
import { scanJson } from '../../../controller/apiserver/http/scan-json.ts';

const limits = { maxDepth: 20, maxYamlAliases: 100 };

t.test('duplicate keys are found with their paths, and only those', async t => {
  t.same(scanJson('{"a":1,"b":{"a":1,"a":2},"c":[{"x":1},{"x":1,"x":2}],"a":3}', 9).duplicates, [
    'b.a',
    'c[1].x',
    'a',
  ]);
  t.same(scanJson('{"a\\"b":1,"a\\"b":2}', 9).duplicates, ['a"b']);
  t.same(scanJson('{"a":1,"\\u0061":2}', 9).duplicates, ['a'], 'however they are written');
  t.same(scanJson('{"a":"{\\"a\\":1,\\"a\\":2}","b":"]}"}', 9).duplicates, [], 'text is text');
  const many = `{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')},"k39":1,"k3":1}`;
  t.same(scanJson(many, 9).duplicates, ['k39', 'k3']);
  const flood = `{${Array.from({ length: 500 }, () => '"a":0').join(',')}}`;
  t.equal(scanJson(flood, 9).duplicates.length, 100, 'bounded');
  for (const broken of ['', '"', '"abc', '{"a', ']]}}', '{,,}', '{"\\x":1,"\\x":2}', '\\'])
    t.ok(scanJson(broken, 9), broken);
});

t.test('any JSON is found to be without duplicates, and as deep as it is', async t => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), text => {
      if (text.includes('__proto__')) return;
      scanJson(text, 50).duplicates.length === 0 || t.fail(text);
    }),
    { numRuns: 200 },
  );
  t.ok(scanJson('[[[]]]', 3));
  t.throws(() => scanJson('[[[[]]]]', 3), { name: 'ApiError', reason: 'BadRequest' });
});

t.test('YAML and JSON give the same objects', async t => {
  fc.assert(
    fc.property(
      fc.object({
        maxDepth: 3,
        maxKeys: 5,
        values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
      }),
      object => {
        const text = JSON.stringify(object);
        if (text.includes('__proto__')) return;
        const json = decodeBody(Buffer.from(text), 'application/json', limits);
        const yaml = decodeBody(Buffer.from(`# not JSON alone\n${text}`), 'application/yaml', limits);
        t.same(yaml.value, json.value) || t.comment(text);
      },
    ),
    { numRuns: 50 },
  );
});

t.test('media types are told from their headers', async t => {
  t.equal(mediaTypeOf(undefined), '');
  t.equal(mediaTypeOf('Application/JSON ; charset=utf-8'), 'application/json');
  t.throws(() => decodeBody(Buffer.from('{}'), 'text/html', limits), {
    name: 'ApiError',
    reason: 'UnsupportedMediaType',
  });
});
