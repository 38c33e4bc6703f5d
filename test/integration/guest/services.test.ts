import t from 'tap';
import { openLab, service, serviceOf } from './lab.ts';

const services = [
  service('env', 'printf "%s|" "$A" "$B" "$HOME" "$USER" "$PWD" "$PATH"; id -un; exec sleep 1003', {
    env: { B: `over 'it'` },
  }),
  service('folder', 'pwd; exec sleep 1004', { workingDir: '/tmp' }),
  service('nowhere', 'pwd', { workingDir: 'absent' }),
  service('web', 'echo started; while :; do sleep 1000; done'),
];

t.setTimeout(300_000);

const lab = await openLab(t, { desired: { env: { A: 'from all', B: 'hidden' }, services } });
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  const up = (name: string) => guest.serviceUp(id, name, lab.config.services[name]!);
  const log = async (name: string) => (await lab.sh(`cat /var/log/nexus/${name}.log`)).stdout;
  const running = (name: string) => lab.until(state => serviceOf(state, name)?.state === 'Running');

  t.test('a service runs as the user in the home, with its own and the common environment', async t => {
    await up('env');
    await running('env');
    for (let i = 0; i < 50 && !(await log('env')).includes('dev'); i++);
    const [a, b, home, user, pwd, path] = (await log('env')).split('|');
    t.strictSame([a, b, home, user, pwd], ['from all', `over 'it'`, '/home/dev', 'dev', '/home/dev']);
    t.match(path, '/usr/bin');
    await up('folder');
    await running('folder');
    t.match(await log('folder'), '/tmp\n');
  });

  t.test('a service that is killed comes back, and is counted', async t => {
    await up('web');
    const { pid } = serviceOf(await running('web'), 'web')!;
    await lab.sh(`kill -9 ${pid}`);
    const state = await lab.until(state => {
      const web = serviceOf(state, 'web');
      return web?.state === 'Running' && web.restarts === 1;
    });
    const web = serviceOf(state, 'web');
    t.not(web?.pid, pid);
    t.equal(web?.exitCode, 137);
  });

  t.test('a folder that is not there is said in the log', async t => {
    await up('nowhere');
    await lab.until(state => serviceOf(state, 'nowhere')?.state === 'Backoff');
    t.match(await log('nowhere'), /no folder absent/);
    await guest.serviceRemove(id, 'nowhere');
  });

  t.test(
    'the same definition again leaves the process alone, another one and a restart replace it',
    async t => {
      const first = serviceOf(await guest.state(id), 'env')!;
      await up('env');
      t.equal(serviceOf(await guest.state(id), 'env')?.pid, first.pid);
      await guest.serviceRestart(id, 'env');
      const second = serviceOf(await guest.state(id), 'env')!;
      t.not(second.pid, first.pid);
      t.equal(second.restarts, first.restarts + 1);
      const changed = guest.render({ ...lab.desired, env: { A: 'other' } });
      await guest.serviceUp(id, 'env', changed.services.env!);
      const third = serviceOf(await guest.state(id), 'env')!;
      t.not(third.pid, second.pid);
      t.equal(third.restarts, second.restarts);
      t.equal(third.digest, changed.services.env?.digest);
    },
  );

  t.test(
    'a service goes on when supervisor, runner and logger are killed, and is not started twice',
    async t => {
      const { pid } = serviceOf(await guest.state(id), 'web')!;
      const before = (await guest.state(id)).supervisor.restarts;
      await lab.sh(
        `kill -9 $(cut -d' ' -f1 /run/nexus/supervisor.pid /run/nexus/units/web/runner /run/nexus/units/web/logger)`,
      );
      await lab.until(state => state.supervisor.restarts === before + 1 && state.supervisor.running);
      const revived = `for f in runner logger; do read -r p s </run/nexus/units/web/$f; kill -0 $p || exit 1; done`;
      for (let i = 0; i < 30 && (await lab.sh(revived)).code !== 0; i++) await lab.sh('sleep 0.1');
      t.equal((await lab.sh(revived)).code, 0, 'runner and logger are back');
      const web = serviceOf(await guest.state(id), 'web');
      t.equal(web?.pid, pid);
      t.equal(web?.restarts, 1);
      const count = await lab.sh(`pgrep -fc '^/bin/bash -c echo started'`);
      t.equal(count.stdout.trim(), '1');

      await t.test('and its end is seen by the new runner', async t => {
        await lab.sh(`kill -9 ${pid}`);
        const state = await lab.until(state => {
          const web = serviceOf(state, 'web');
          return web?.state === 'Running' && web.pid !== pid;
        });
        t.equal(serviceOf(state, 'web')?.restarts, 2);
      });
    },
  );

  t.test('every process of the guest killed at once: services go on, sshd is back', async t => {
    const { pid } = serviceOf(await guest.state(id), 'web')!;
    await lab.sh(
      `for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in
       *'/opt/nexus/guest init'*) ;; *'/opt/nexus/guest '*|*sshd*-D*) kill -9 \${p##*/};; esac; done`,
    );
    const state = await lab.until(
      state => state.sshd.running && state.supervisor.running && state.sshd.restarts > 0,
    );
    t.equal(serviceOf(state, 'web')?.pid, pid);
    t.equal((await lab.ssh(['ssh', '-p', String(lab.port), 'dev@127.0.0.1', 'echo in'])).stdout, 'in\n');
  });

  t.test('who begins to watch while the state changes is told of the changes after it', async t => {
    const before = serviceOf(await guest.state(id), 'web')!.restarts;
    // Between the making of a watcher's FIFO and its opening the supervisor tells of two changes.
    const meanwhile = `#!/bin/sh
/usr/bin/mkfifo "$@" || exit
case "$*" in */units/* | */jobs/*) exit ;; esac
for _ in 1 2; do
  was=$(cat /run/nexus/snapshot)
  sh /opt/nexus/guest restart web </dev/null
  n=0
  until [ "$(cat /run/nexus/snapshot)" != "$was" ] || [ $n -gt 600 ]; do n=$((n + 1)); sleep 0.05; done
done
`;
    await lab.sh(`cat >/usr/sbin/mkfifo <<'EOF'\n${meanwhile}EOF\nchmod +x /usr/sbin/mkfifo`);
    let again: Promise<void> | undefined;
    const told: (number | undefined)[] = [];
    await lab.until(state => {
      told.push(serviceOf(state, 'web')?.restarts);
      again ??= guest.serviceRestart(id, 'web');
      return told.at(-1) === before + 3;
    });
    await again;
    await lab.sh('rm /usr/sbin/mkfifo');
    t.equal(told[0], before + 2, 'the first state is the one at the start');
  });
}
