import t from 'tap';
import type { GuestJob, GuestState } from '../../../agent/guest/guest.ts';
import { createScriptGuest } from '../../../agent/guest/script-guest.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { until } from '../../support/until.ts';
import { openLab } from './lab.ts';

t.setTimeout(300_000);

const lab = await openLab(t, { desired: { env: { A: 'from all' } } });
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  const ended = (job: GuestJob, token: string) => (state: GuestState) =>
    state.jobs[job]?.token === token && state.jobs[job]?.state !== 'Running';
  const hook = async (job: Exclude<GuestJob, 'clone'>, command: string, token: string, by = guest) => {
    await by.runHook(id, job, command, token);
    return (await lab.until(ended(job, token))).jobs[job];
  };

  t.test('a hook runs as the user at home, and in the repository when there is one', async t => {
    const command = 'printf "%s|" "$A" "$HOME" "$PWD"; id -un';
    t.match(await hook('preStart', command, 'a'), { state: 'Succeeded', exitCode: 0, tail: undefined });
    const log = async () => (await lab.sh('cat /var/log/nexus/hook-preStart.log')).stdout;
    t.equal(await log(), 'from all|/home/dev|/home/dev|dev\n');
    await lab.sh('mkdir ~/workspace', 'dev');
    await hook('preStart', command, 'b');
    t.equal(await log(), 'from all|/home/dev|/home/dev/workspace|dev\n');
  });

  t.test('the end of what a failed hook said is told', async t => {
    const job = await hook('postStart', 'seq 5000; echo "ü last" >&2; exit 7', 'bad token / with ä');
    t.match(job, { state: 'Failed', exitCode: 7 });
    t.ok(job?.tail?.endsWith('5000\nü last\n'));
    t.equal(Buffer.byteLength(job?.tail ?? ''), 2048);
  });

  t.test('a hook runs once for a token, failed or not, and ends for another', async t => {
    await hook('preStop', 'echo run >>~/count; exit 1', 'once');
    await guest.runHook(id, 'preStop', 'echo run >>~/count; exit 1', 'once');
    t.equal((await lab.sh('cat /home/dev/count')).stdout, 'run\n');
    await guest.runHook(id, 'preStop', 'sleep 2001 & sleep 2002', 'long');
    await guest.runHook(id, 'preStop', 'sleep 2001 & sleep 2002', 'long');
    const sleeps = async () => (await lab.sh(`pgrep -c '^sleep$' -u dev`)).stdout.trim();
    await until(async () => (await sleeps()) === '2', {
      timeoutMs: 10_000,
      everyMs: 200,
      what: () => 'it to run once',
    });
    t.match(await hook('preStop', 'true', 'next'), { state: 'Succeeded' });
    t.equal(await sleeps(), '0');
  });

  t.test('what a hook leaves in the background goes on, and does not keep it from ending', async t => {
    t.match(await hook('preStart', 'sleep 2003 & echo $! >~/left', 'leaves'), { state: 'Succeeded' });
    t.equal((await lab.sh('kill -0 $(cat /home/dev/left)')).code, 0);
  });

  t.test('a hook that does not end is ended', async t => {
    const impatient = createScriptGuest({
      driver: lab.node.driver,
      clock: systemClock,
      log: silentLogger,
      hookTimeoutSeconds: 3,
    });
    const job = await hook('preStart', 'echo waiting; sleep 2004', 'endless', impatient);
    t.match(job, { state: 'Failed', exitCode: 124, tail: /ended after 3 seconds/ });
  });

  t.test('a killed hook has failed', async t => {
    await guest.runHook(id, 'postStart', 'sleep 2005', 'killed');
    await lab.sh('kill -9 $(cut -d" " -f1 /run/nexus/jobs/postStart/pid)');
    t.match((await lab.until(ended('postStart', 'killed'))).jobs.postStart, {
      state: 'Failed',
      exitCode: 137,
    });
  });

  t.test('health checks run as the user in the repository, for a limited time', async t => {
    t.strictSame(await guest.check(id, { command: ['true'] }, 5000), { ok: true, message: '' });
    const where = ['sh', '-c', 'test "$PWD $A $(id -un)" = "/home/dev/workspace from all dev"'];
    t.match(await guest.check(id, { command: where }, 5000), { ok: true });
    t.strictSame(
      await guest.check(id, { command: ['sh', '-c', 'echo no; echo "not yet" >&2; exit 4'] }, 5000),
      {
        ok: false,
        message: 'exit code 4: not yet',
      },
    );
    t.match(await guest.check(id, { command: ['absent-program'] }, 5000), { ok: false, message: /127/ });
    t.strictSame(await guest.check(id, { command: ['sh', '-c', 'sleep 2006 & sleep 2007'] }, 1000), {
      ok: false,
      message: 'did not end within 1 s',
    });
    t.equal((await lab.sh('pgrep -f "^sleep 200[67]"')).stdout, '', 'nothing of it is left');
  });

  t.test('a program that was removed is put back by whatever is asked next', async t => {
    await lab.sh('rm /opt/nexus/guest');
    t.equal((await guest.state(id)).configured, true);
    t.equal((await lab.sh('test -x /opt/nexus/guest')).code, 0);
  });

  t.test('another version of the program is brought up to date without harm', async t => {
    await guest.serviceUp(
      id,
      'web',
      guest.render({ ...lab.desired, services: [{ name: 'web', command: 'sleep 2008', env: {} }] }).services
        .web!,
    );
    const before = await guest.state(id);
    await lab.sh(
      `sed -i "s/^VERSION=.*/VERSION='old'/" /opt/nexus/guest; kill -9 $(cut -d' ' -f1 /run/nexus/supervisor.pid)`,
    );
    await lab.until(
      state => state.version === 'old' && state.supervisor.restarts > before.supervisor.restarts,
    );
    await lab.configure();
    const after = await lab.until(state => state.version === before.version);
    t.equal(after.supervisor.restarts, before.supervisor.restarts + 1, 'an update is not counted');
    t.strictSame(after.services, before.services);
    t.strictSame(after.sshd, before.sshd);
    t.strictSame(after.files, before.files);
  });
}
