import t from 'tap';
import { compilePattern } from '../../../controller/apiserver/schema/pattern.ts';

const table: [pattern: string, matching: string[], other: string[]][] = [
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', ['a', 'a-b'], ['', '-a', 'a-', 'a\n']],
  ['^[^\\s]+$', ['a', 'é😀', '\u00a0'], ['a b', 'a\t']],
  ['^.$', ['a', '😀', '\r'], ['\n', 'ab']],
  ['^\\d{1,3}%?$', ['1', '100%'], ['1000', '%']],
  ['^(?i)abc$', ['ABC'], ['ab']],
  ['\\Aa\\z', ['a'], ['ab']],
  ['^[[:alpha:]]+$', ['abc'], ['1']],
  ['^\\pL+$', ['é'], ['1']],
  ['^(?P<x>a)b$', ['ab'], ['b']],
  ['^(a|b)+c$', ['abc'], ['c']],
  ['^\\Qa.b\\E$', ['a.b'], ['axb']],
  ['^[\\w.-]+$', ['a.b-c'], ['a b']],
  ['^[\\S]+$', ['a\u00a0'], [' ']],
  ['[\\s]', ['a b', '\t'], ['ab', '\u00a0', '\v']],
  ['^(ab){2}$', ['abab'], ['ab']],
  ['^a{2,}$', ['aa', 'aaaa'], ['a']],
  ['', ['', 'x'], []],
];
t.test("patterns mean what they mean in Go's syntax", async t => {
  for (const [pattern, matching, other] of table) {
    const matches = compilePattern(pattern);
    for (const text of matching) t.equal(matches(text), true, `${pattern} ${JSON.stringify(text)}`);
    for (const text of other) t.equal(matches(text), false, `${pattern} not ${JSON.stringify(text)}`);
  }
});

t.test('what Go has not is no pattern', async t => {
  for (const pattern of ['(', '(?=a)', '(?!a)', '\\1', '[z-a]', '*', '(?<=a)b', 'a'.repeat(10_001)])
    t.throws(() => compilePattern(pattern), /parsing regexp|longer than/, pattern.slice(0, 20));
});

t.test('no pattern hangs, whatever the text', async t => {
  const evil: [string, string][] = [
    ['^(a+)+$', `${'a'.repeat(10_000)}!`],
    ['^(a|a)*$', `${'a'.repeat(10_000)}!`],
    ['^(.*)(.*)(.*)(.*)x$', 'a'.repeat(10_000)],
    ['(x+x+)+y', 'x'.repeat(10_000)],
    ['^[a-z]*[a-z]*[a-z]*[a-z]*$', `${'a'.repeat(10_000)}1`],
    ['^a{0,1000}a{0,1000}$', 'a'.repeat(3000)],
    ['[^b]*[^b]*[^b]*c', 'a'.repeat(5000)],
  ];
  const start = process.cpuUsage();
  for (const [pattern, text] of evil) t.equal(compilePattern(pattern)(text), false, pattern);
  const ms = process.cpuUsage(start).user / 1000;
  t.ok(ms < 5000, `${ms} ms of the processor`);
});
