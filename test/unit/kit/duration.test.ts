import t from 'tap';
import { formatAge, formatDuration, parseDuration } from '../../../controller/kit/duration.ts';

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
