import t from 'tap';
import { dockerLab } from '../../support/docker-lab.ts';
import { noTestEngine } from '../../support/engine.ts';
import { until } from '../../support/until.ts';

t.test('hooks that fail in a real container are tried again', { skip: await noTestEngine() }, async t => {
  const { lab, start, place, root } = await dockerLab(t);
  start();
  const hook = (name: string) => `echo run >>~/${name}; test -e ~/${name}-may`;
  const { ssh } = await place('shop', {
    services: [{ name: 'web', command: 'echo $$ >>~/web; exec sleep 1000' }],
    lifecycle: { preStart: hook('preStart'), postStart: hook('postStart') },
  });
  const runs = async (name: string) => (await ssh.exec(`cat ~/${name} 2>/dev/null || true`)).split('\n');
  const untilRuns = (name: string, count: number) =>
    until(async () => (await runs(name)).length >= count, {
      timeoutMs: 20_000,
      what: () => `${count} runs of ${name}`,
    });
  await ssh.untilLogin();

  await t.test('preStart holds back services until it succeeds', async t => {
    await lab.untilReason('shop', 'ServicesReady', 'HookFailed');
    await untilRuns('preStart', 3);
    t.match((await lab.get('shop')).status?.services?.[0], { state: 'Waiting', message: /preStart failed/ });
    await ssh.exec('touch ~/preStart-may');
    await lab.untilPlacement('shop', 'web runs', p => p.status?.services?.[0]?.state === 'Running');
  });

  await t.test('postStart is tried again beside what runs', async t => {
    await untilRuns('postStart', 3);
    await lab.untilReason('shop', 'ServicesReady', 'HookFailed');
    await lab.untilEvent('shop', 'HookFailed', 4);
    await ssh.exec('touch ~/postStart-may');
    await lab.ready('shop', 30_000);
    t.equal((await runs('web')).length, 1, 'the service was started once');
  });

  await t.test('what succeeded is run once more at the next start, and only then', async t => {
    const before = [await runs('preStart'), await runs('postStart')].map(({ length }) => length);
    await lab.edit('shop', spec => {
      spec.services?.push({ name: 'more', command: 'exec sleep 1000' });
    });
    await lab.ready('shop');
    t.same([(await runs('preStart')).length, (await runs('postStart')).length], before);
    await root('shop', 'kill 1').catch(() => {});
    await lab.untilEvent('shop', 'ContainerDied');
    await ssh.untilLogin();
    await untilRuns('postStart', (before[1] ?? 0) + 1);
    await lab.ready('shop', 30_000);
    t.same(
      [(await runs('preStart')).length, (await runs('postStart')).length],
      before.map(count => count + 1),
    );
  });
});
