import t from 'tap';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import type { JsonSchema, ValidationRule } from '../../../controller/apiserver/schema/json-schema.ts';

const SPEC: JsonSchema = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    other: { type: 'string' },
    number: { type: 'integer' },
    double: { type: 'number' },
    flag: { type: 'boolean' },
    texts: { type: 'array', items: { type: 'string' } },
    numbers: { type: 'array', items: { type: 'integer' } },
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    items: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, size: { type: 'integer' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    time: { type: 'string', format: 'date-time' },
    duration: { type: 'string', format: 'duration' },
    bytes: { type: 'string', format: 'byte' },
    port: { 'x-kubernetes-int-or-string': true },
    any: { 'x-kubernetes-preserve-unknown-fields': true },
    'a-b': { type: 'string' },
    namespace: { type: 'string' },
    nullable: { type: 'string', nullable: true },
  },
};
const object = (spec: unknown) => ({ apiVersion: 'a/v1', kind: 'A', metadata: { name: 'abc' }, spec });

function judge(rule: ValidationRule | string, spec: unknown, old?: unknown) {
  const rules = [typeof rule === 'string' ? { rule, message: 'refused' } : rule];
  const schema = compileSchema({
    type: 'object',
    properties: { spec: { ...SPEC, 'x-kubernetes-validations': rules } },
  });
  return schema.validate(object(spec), old === undefined ? undefined : object(old));
}

const table: [rule: string, accepted: unknown, refused: unknown][] = [
  ["self.text == 'a'", { text: 'a' }, { text: 'b' }],
  ['self.number + 1 == 3', { number: 2 }, { number: 3 }],
  ['self.number / 2 == 1', { number: 3 }, { number: 4 }],
  ['self.double > 1.5', { double: 2 }, { double: 1 }],
  ['!has(self.text) || has(self.other)', { text: 'a', other: 'b' }, { text: 'a' }],
  ["self.texts.all(x, x.startsWith('a'))", { texts: ['ab', 'ac'] }, { texts: ['b'] }],
  [
    "self.items.exists(i, i.name == 'a' && i.size > 1)",
    { items: [{ name: 'a', size: 2 }] },
    { items: [{ name: 'a', size: 1 }] },
  ],
  [
    'self.items.map(i, i.size).sum() <= 3',
    { items: [{ name: 'a', size: 2 }] },
    { items: [{ name: 'a', size: 4 }] },
  ],
  ['self.numbers.isSorted()', { numbers: [1, 2, 2] }, { numbers: [2, 1] }],
  ['self.numbers.min() == 1 && self.numbers.max() == 3', { numbers: [3, 1] }, { numbers: [2, 1] }],
  [
    "self.texts.indexOf('b') == 1 && self.texts.lastIndexOf('b') == 2",
    { texts: ['a', 'b', 'b'] },
    { texts: ['b'] },
  ],
  [
    "sets.contains(self.texts, ['a']) && sets.intersects(self.texts, ['b', 'c'])",
    { texts: ['a', 'b'] },
    { texts: ['a'] },
  ],
  ["sets.equivalent(self.texts, ['a', 'b'])", { texts: ['b', 'a', 'a'] }, { texts: ['a'] }],
  ["self.text.matches('^[a-c]+$')", { text: 'abc' }, { text: 'abd' }],
  [
    "self.text.find('[0-9]+') == '42' && self.text.findAll('[0-9]').size() == 3",
    { text: 'a42b7' },
    { text: 'a' },
  ],
  ["self.text.findAll('[0-9]', 1) == ['4']", { text: '42' }, { text: 'a' }],
  [
    "self.text.replace('a', 'b') == 'bb' && self.text.replace('a', 'b', 1) == 'ba'",
    { text: 'aa' },
    { text: 'a' },
  ],
  ["self.text.charAt(1) == 'b' && self.text.reverse() == 'cba'", { text: 'abc' }, { text: 'xyz' }],
  ['strings.quote(self.text) == \'"a"\'', { text: 'a' }, { text: 'b' }],
  ["self.map.all(k, self.map[k] != '') && 'a' in self.map", { map: { a: 'b' } }, { map: { b: 'c' } }],
  [
    "self.time > timestamp('2026-01-01T00:00:00Z')",
    { time: '2026-01-02T00:00:00Z' },
    { time: '2025-01-01T00:00:00Z' },
  ],
  ["self.duration <= duration('1h')", { duration: '30m' }, { duration: '90m' }],
  ['self.bytes.size() == 1', { bytes: 'YQ==' }, { bytes: 'YWE=' }],
  ["type(self.port) == int ? self.port > 0 : self.port.endsWith('%')", { port: '5%' }, { port: -1 }],
  ['self.any.x == 1', { any: { x: 1 } }, { any: { x: 2 } }],
  [
    "self.a__dash__b == 'x' && self.__namespace__ == 'y'",
    { 'a-b': 'x', namespace: 'y' },
    { 'a-b': 'x', namespace: 'z' },
  ],
  ['self.nullable == null', { nullable: null }, { nullable: 'a' }],
  ["self.?text.orValue('none') == 'none'", {}, { text: 'a' }],
  ["quantity(self.text).isGreaterThan(quantity('1Gi'))", { text: '1025Mi' }, { text: '1000M' }],
  ["quantity(self.text).compareTo(quantity('500m')) == 0", { text: '0.5' }, { text: '0.6' }],
  ["quantity(self.text).add(quantity('1k')).sub(1).asInteger() == 1999", { text: '1k' }, { text: '2k' }],
  [
    "isQuantity(self.text) && quantity(self.text).sign() == 1 && quantity(self.text) == quantity('1e3')",
    { text: '1000' },
    { text: '10 GB' },
  ],
  [
    "quantity(self.text).asApproximateFloat() < 1.0 && !quantity(self.text).isInteger() && quantity(self.text).isLessThan(quantity('1'))",
    { text: '999m' },
    { text: '2' },
  ],
  [
    'isIP(self.text) && ip(self.text).family() == 4 && !ip(self.text).isLoopback()',
    { text: '10.0.0.1' },
    { text: '127.0.0.1' },
  ],
  [
    "cidr('10.0.0.0/8').containsIP(self.text) && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
    { text: '10.9.9.9' },
    { text: '11.0.0.1' },
  ],
  [
    "isCIDR(self.text) && cidr(self.text).prefixLength() == 8 && cidr(self.text).ip() == ip('10.0.0.0')",
    { text: '10.0.0.0/8' },
    { text: '10.0.0.0/9' },
  ],
  [
    "isURL(self.text) && url(self.text).getHostname() == 'a.example' && url(self.text).getPort() == '8443'",
    { text: 'https://a.example:8443/p?q=1' },
    { text: 'https://b' },
  ],
  [
    "url(self.text).getScheme() == '' && url(self.text).getEscapedPath() == '/p' && url(self.text).getQuery()['q'] == ['1']",
    { text: '/p?q=1' },
    { text: 'https://a/p?q=1' },
  ],
  [
    "'%s has %d of %.1f, %x %b%%'.format([self.text, self.number, 2.55, 255, true]) == 'a has 3 of 2.5, ff 1%' || '%s'.format([self.text]) == 'b'",
    { text: 'b', number: 3 },
    { text: 'c', number: 1 },
  ],
  [
    "'%s'.format([self.texts]) == '[a, b]' && '%s'.format([self.map]) == '{x: y}'",
    { texts: ['a', 'b'], map: { x: 'y' } },
    { texts: [], map: {} },
  ],
  ['cel.bind(n, self.number, n > 1 && n < 3)', { number: 2 }, { number: 3 }],
];
t.test('rules see the object with the types of its schema and the functions of Kubernetes', async t => {
  for (const [rule, accepted, refused] of table) {
    t.strictSame(judge(rule, accepted), [], rule);
    t.match(judge(rule, refused), [{ reason: 'FieldValueInvalid', field: 'spec' }], `not ${rule}`);
  }
});

t.test('messages', async t => {
  const rule = 'self.number > 3';
  const message = (more: object) => judge({ rule, ...more }, { number: 1 })[0]?.message;
  t.equal(message({ message: 'too small' }), 'Invalid value: "object": too small');
  t.equal(message({}), 'Invalid value: "object": failed rule: self.number > 3');
  t.equal(message({ messageExpression: '"is " + string(self.number)' }), 'Invalid value: "object": is 1');
  t.equal(
    message({ message: 'plain', messageExpression: 'self.text' }),
    'Invalid value: "object": plain',
    'an expression that fails',
  );
  t.equal(message({ message: 'a', reason: 'FieldValueForbidden' }), 'Forbidden: a');
  t.equal(message({ message: 'a', reason: 'FieldValueRequired' }), 'Required value: a');
  t.match(message({ message: 'a', reason: 'FieldValueDuplicate' }), /^Duplicate value/);
});

t.test('a rule can point at a field', async t => {
  const at = (fieldPath: string) => judge({ rule: 'false', message: 'm', fieldPath }, {})[0]?.field;
  t.equal(at('.text'), 'spec.text');
  t.equal(at("['a-b']"), 'spec.a-b');
  t.equal(at('.map.key'), 'spec.map[key]');
  t.throws(() => judge({ rule: 'false', fieldPath: '.nope' }, {}), /fieldPath/);
  t.throws(() => judge({ rule: 'false', fieldPath: 'text' }, {}), /fieldPath/);
});

t.test('rules about changes', async t => {
  const rule = 'self.number >= oldSelf.number';
  t.strictSame(judge(rule, { number: 1 }), [], 'are skipped on create');
  t.strictSame(judge(rule, { number: 2 }, { number: 1 }), []);
  t.match(judge(rule, { number: 1 }, { number: 2 }), [{ field: 'spec' }]);
  const optional = {
    rule: 'oldSelf.hasValue() || self.number == 0',
    message: 'starts at 0',
    optionalOldSelf: true,
  };
  t.match(judge(optional, { number: 1 }), [{ message: /starts at 0/ }]);
  t.strictSame(judge(optional, { number: 1 }, { number: 0 }), []);
  t.strictSame(
    judge('self.set == oldSelf.set', { set: ['a', 'b'] }, { set: ['b', 'a'] }),
    [],
    'sets know no order',
  );
});

t.test('items of lists and maps are compared with what they were', async t => {
  const grows: ValidationRule[] = [{ rule: 'self.size >= oldSelf.size', message: 'shrinks' }];
  const item: JsonSchema = {
    type: 'object',
    properties: { name: { type: 'string' }, size: { type: 'integer' } },
    'x-kubernetes-validations': grows,
  };
  const schema = compileSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: item,
      },
      status: { type: 'object', additionalProperties: item },
    },
  });
  const next = {
    ...object([
      { name: 'b', size: 1 },
      { name: 'a', size: 1 },
      { name: 'c', size: 0 },
    ]),
    status: { x: { size: 1 }, y: { size: 0 } },
  };
  const old = {
    ...object([
      { name: 'a', size: 1 },
      { name: 'b', size: 2 },
    ]),
    status: { x: { size: 2 } },
  };
  t.strictSame(
    schema.validate(next, old).map(cause => cause.field),
    ['spec[0]', 'status[x]'],
  );
});

t.test('a rule that fails in itself is reported, not thrown', async t => {
  t.match(judge('self.text.size() > 0', {}), [{ message: /No such key: text evaluating rule: refused/ }]);
  t.match(judge('1 / self.number > 0', { number: 0 }), [{ message: /division by zero/ }]);
  t.match(judge('self.text.matches(self.other)', { text: 'a', other: '(' }), [
    { message: /invalid regular expression/ },
  ]);
  t.match(judge('quantity(self.text).sign() > 0', { text: 'x' }), [{ message: /evaluating rule/ }]);
  t.match(judge('self.numbers.min() > 0', { numbers: [] }), [{ message: /min called on empty list/ }]);
});

t.test('a hostile rule ends with its budget', async t => {
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  const start = process.cpuUsage();
  const loops = 'self.numbers.all(a, self.numbers.all(b, self.numbers.all(c, a + b + c >= 0)))';
  t.match(judge(loops, { numbers }), [{ message: /running out of cost budget/ }]);
  t.match(
    judge(`${loops} || true`, { numbers }),
    [{ message: /running out of cost budget/ }],
    'also where errors are swallowed',
  );
  const doubling = Array.from({ length: 40 }, (_, i) => `cel.bind(s${i + 1}, s${i} + s${i}`).join(', ');
  t.match(judge(`cel.bind(s0, self.text, ${doubling}, s40.size() > 0${')'.repeat(41)}`, { text: 'abcd' }), [
    { message: /running out of cost budget/ },
  ]);
  t.match(judge("self.text.replace('', self.text).size() > 0", { text: 'a'.repeat(5000) }), [
    { message: /grows beyond|budget/ },
  ]);
  // Of this process: what else runs on the machine takes its time too.
  t.ok(process.cpuUsage(start).user < 10_000_000);
});

t.test('rules read name and generateName of metadata, and nothing else of it', async t => {
  const schema = (rule: string) =>
    compileSchema({ type: 'object', 'x-kubernetes-validations': [{ rule, message: 'm' }] });
  t.strictSame(schema("self.metadata.name == 'abc' && self.kind == 'A'").validate(object({})), []);
  t.throws(() => schema("self.metadata.labels.a == 'b'"), /undefined field/);
});

t.test('a rule that does not compile tells where it is', async t => {
  t.throws(
    () => judge('self.nope == 1', {}),
    /spec\.x-kubernetes-validations\[0\]\.rule: undefined field nope/,
  );
  t.throws(() => judge('self.text', {}), /must evaluate to bool/);
  t.throws(() => judge("self.number == 'a'", {}), /no such overload/);
  t.throws(() => judge('has(self.nope)', {}), /undefined field/);
  t.throws(() => judge('self.number +', {}), /rule/);
});

t.test('what is the very same as before is not judged again, but by rules that look back', async t => {
  const old = { text: 'bad', number: 1 };
  const causes = (rule: string, spec: object) =>
    compileSchema({
      type: 'object',
      properties: {
        spec: { ...SPEC, 'x-kubernetes-validations': [{ rule }] },
        status: { type: 'object', properties: { phase: { type: 'string' } } },
      },
    }).validate({ ...object(spec), status: { phase: 'New' } }, object(old)).length;
  t.equal(causes("self.text == 'good'", old), 0);
  t.equal(causes("self.text == 'good'", { ...old }), 0, 'nor where it is equal');
  t.equal(causes("self.text == 'good'", { ...old, number: 2 }), 1);
  t.equal(causes('self.number > oldSelf.number', old), 1);
});
