import t from 'tap';
import { until } from '../../support/until.ts';
import { openLab, service, serviceOf } from './lab.ts';

const services = [
  service('family', 'sleep 1001 & sleep 1002 & wait'),
  service('stubborn', `trap '' TERM; while :; do sleep 0.2; done`),
  service('quits', 'echo bye; exit 3'),
];

t.setTimeout(300_000);
// They wait most of the time.
t.jobs = 3;

const lab = await openLab(t, { desired: { env: { A: 'from all', B: 'hidden' }, services } });
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  const up = (name: string) => guest.serviceUp(id, name, lab.config.services[name]!);
  const running = (name: string) => lab.until(state => serviceOf(state, name)?.state === 'Running');

  t.test('what a service started in its group ends with it', { buffered: true }, async t => {
    await up('family');
    const { pid } = serviceOf(await running('family'), 'family')!;
    const members = () => lab.sh(`grep -lz '^100[12]$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l`);
    const both = () =>
      until(async () => (await members()).stdout.trim() === '2', {
        timeoutMs: 10_000,
        everyMs: 200,
        what: () => 'two of it, the old ones gone',
      });
    await both();
    await lab.sh(`kill -9 ${pid}`);
    await lab.until(
      state => serviceOf(state, 'family')?.restarts === 1 && serviceOf(state, 'family')?.state === 'Running',
    );
    await both();
    await guest.serviceDown(id, 'family');
    t.equal((await members()).stdout.trim(), '0');
    const family = serviceOf(await guest.state(id), 'family');
    t.match(family, { wanted: 'Down', state: 'Stopped', pid: undefined, restarts: 1 });
  });

  t.test('a service that ignores SIGTERM is killed after ten seconds', { buffered: true }, async t => {
    await up('stubborn');
    await running('stubborn');
    const began = performance.now();
    await guest.serviceDown(id, 'stubborn');
    const seconds = (performance.now() - began) / 1000;
    t.ok(seconds > 9 && seconds < 90, `${seconds} s`);
    t.equal(serviceOf(await guest.state(id), 'stubborn')?.state, 'Stopped');
  });

  t.test('a service that ends at once is started again ever more slowly', { buffered: true }, async t => {
    await up('quits');
    const began = performance.now();
    const state = await lab.until(state => (serviceOf(state, 'quits')?.restarts ?? 0) >= 5);
    const seconds = (performance.now() - began) / 1000;
    t.ok(seconds > 14 && seconds < 90, `1 + 2 + 4 + 8 s, took ${seconds}`);
    t.match(serviceOf(state, 'quits'), { wanted: 'Up', exitCode: 3 });

    await t.test('and at once when its definition changes', async t => {
      const better = guest.render({ ...lab.desired, services: [service('quits', 'exec sleep 1007')] });
      const now = performance.now();
      await guest.serviceUp(id, 'quits', better.services.quits!);
      const after = await running('quits');
      t.ok(performance.now() - now < 15_000, 'not after the 16 s that would be next');
      t.equal(serviceOf(after, 'quits')?.digest, better.services.quits?.digest);
    });
  });
}
