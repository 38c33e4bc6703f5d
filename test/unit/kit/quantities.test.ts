import t from 'tap';
import { formatAge, formatDuration, parseDuration } from '../../../controller/kit/duration.ts';
import {
  formatBytes,
  formatCpuMillis,
  parseBytes,
  parseCpuMillis,
  Quantity,
} from '../../../controller/kit/quantity.ts';

t.test('durations as Go writes them', async t => {
  for (const [text, ms] of [
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1h2m3s4ms', 3_723_004],
    ['7d', 604_800_000],
    ['-5s', -5000],
    ['+5s', 5000],
    ['1500us', 1.5],
    ['1µs', 0.001],
    ['1000000ns', 1],
    [' 3s ', 3000],
  ] as const)
    t.equal(parseDuration(text), ms, text);
  for (const text of ['', '5', 's', '5 s', '5x', '1h30', '1,5s', 'abc', '--5s'])
    t.equal(parseDuration(text), undefined, JSON.stringify(text));
});

t.test('durations as Go prints them', async t => {
  for (const [ms, text] of [
    [0, '0s'],
    [0.2, '0s'],
    [250, '250ms'],
    [1500, '1.5s'],
    [30_000, '30s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [-5000, '-5s'],
  ] as const)
    t.equal(formatDuration(ms), text);
});

t.test('ages as kubectl prints them', async t => {
  const [s, m, h, d] = [1000, 60_000, 3_600_000, 86_400_000];
  for (const [ms, text] of [
    [-5 * s, '<invalid>'],
    [-1 * s, '0s'],
    [0, '0s'],
    [119 * s, '119s'],
    [2 * m, '2m'],
    [5 * m + 30 * s, '5m30s'],
    [10 * m + 30 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [3 * h + 4 * m, '3h4m'],
    [8 * h + 4 * m, '8h'],
    [47 * h, '47h'],
    [2 * d, '2d'],
    [3 * d + 4 * h, '3d4h'],
    [8 * d + 4 * h, '8d'],
    [729 * d, '729d'],
    [730 * d, '2y'],
    [760 * d, '2y30d'],
    [3000 * d, '8y'],
  ] as const)
    t.equal(formatAge(ms), text);
});

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
