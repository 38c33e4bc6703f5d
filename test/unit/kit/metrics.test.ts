import t from 'tap';
import { Metrics } from '../../../controller/kit/metrics.ts';

t.test('asking twice for a name gives the same metric; two registries share nothing', async t => {
  const [a, b] = [new Metrics(), new Metrics()];
  a.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  a.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  b.counter('x_total', 'X.', ['k']).inc({ k: 'v' });
  t.match(await a.text(), 'x_total{k="v"} 2');
  t.match(await b.text(), 'x_total{k="v"} 1');
  t.match(a.contentType, 'text/plain');
});

t.test('gauges and histograms are written too', async t => {
  const m = new Metrics();
  m.gauge('g', 'G.').set(3);
  m.histogram('h_seconds', 'H.', [], [1, 2]).observe(1.5);
  const text = await m.text();
  t.match(text, 'g 3');
  t.match(text, 'h_seconds_bucket{le="2"} 1');
  t.match(text, 'h_seconds_bucket{le="1"} 0');
});

t.test('collectors run before each scrape until they are removed', async t => {
  const m = new Metrics();
  let n = 0;
  const off = m.onCollect(() => m.gauge('n', 'N.').set(++n));
  t.match(await m.text(), 'n 1');
  t.match(await m.text(), 'n 2');
  off();
  t.match(await m.text(), 'n 2');
});
