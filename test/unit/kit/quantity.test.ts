import t from 'tap';
import {
  formatBytes,
  formatCpuMillis,
  parseBytes,
  parseCpuMillis,
  Quantity,
} from '../../../controller/kit/quantity.ts';

t.test('every form that Kubernetes knows is read', async t => {
  for (const [text, value] of [
    ['0', 0],
    ['1', 1],
    ['+1', 1],
    ['-2', -2],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['500m', 0.5],
    ['1500000u', 1.5],
    ['2000000000n', 2],
    ['1n', 1e-9],
    ['0.1n', 1e-9],
    ['2k', 2000],
    ['1M', 1e6],
    ['1.5G', 1.5e9],
    ['1T', 1e12],
    ['1P', 1e15],
    ['1E', 1e18],
    ['1Ki', 1024],
    ['4Gi', 4 * 2 ** 30],
    ['1Ti', 2 ** 40],
    ['1Pi', 2 ** 50],
    ['1Ei', 2 ** 60],
    ['1e3', 1000],
    ['1E3', 1000],
    ['12e-3', 0.012],
  ] as const)
    t.equal(Quantity.parse(text)?.toFloat(), value, text);
});

t.test('what is no quantity is undefined', async t => {
  for (const text of [
    '',
    ' ',
    '.',
    'm',
    'Gi',
    '1 Gi',
    '1K',
    '1gi',
    '1Gib',
    'a1',
    '1.2.3',
    '0x10',
    '1e',
    '--1',
    '1e9999',
  ])
    t.equal(Quantity.parse(text), undefined, JSON.stringify(text));
  t.equal(Quantity.parse('1'.repeat(100)), undefined);
  t.equal(parseBytes('1e999'), undefined, 'more than a number can be');
  t.equal(parseBytes('-1'), undefined);
  t.equal(parseCpuMillis('-500m'), undefined);
});

t.test('bytes and thousandths of a core are exact, and rounded up', async t => {
  t.equal(parseBytes('1.1k'), 1100);
  t.equal(parseBytes('1.1Gi'), 1_181_116_007);
  t.equal(parseBytes('1m'), 1);
  t.equal(parseBytes('128974848000m'), 128_974_848);
  t.equal(parseCpuMillis('0.07'), 70);
  t.equal(parseCpuMillis('0.1'), 100);
  t.equal(parseCpuMillis('2'), 2000);
  t.equal(parseCpuMillis('1u'), 1);
  t.equal(parseCpuMillis('0'), 0);
});

t.test('formats are short and read back the same', async t => {
  t.equal(formatCpuMillis(2000), '2');
  t.equal(formatCpuMillis(1500), '1500m');
  t.equal(formatBytes(0), '0');
  t.equal(formatBytes(1500), '1500');
  for (const text of ['4Gi', '512Mi', '3Ki', '2Ti', '7Pi', '1Ei', '1023'])
    t.equal(formatBytes(parseBytes(text) as number), text);
});
