import type { Test } from 'tap';
import { DriverError } from '../../agent/driver.ts';
import { CLONE_EXIT, type Guest, type GuestDesired, type GuestState } from '../../agent/guest/guest.ts';

/** A running instance that was never configured, and hands on what is in it. */
export interface GuestUnderTest {
  guest: Guest;
  id: string;
  /** Lets time pass until a state fits; throws when none does in reasonable time. */
  until(fits: (state: GuestState) => boolean): Promise<GuestState>;
  stop(): Promise<unknown>;
  start(): Promise<unknown>;
  kill(what: 'sshd' | 'supervisor' | { service: string }): Promise<void>;
  /** Writes a managed file by hand; without content removes it. */
  edit(path: string, content?: string): Promise<void>;
  /** Puts a file at a path relative to the home. */
  putInHome(path: string, content: string): Promise<void>;
  /** URLs to clone: with branch `side`, one that nobody serves. */
  urls: { open: string; unreachable: string };
}

const desired: GuestDesired = {
  user: 'dev',
  authorizedKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ one'],
  hostKey: '',
  env: { GREETING: 'hello' },
  services: [
    { name: 'web', command: 'sleep 1000', env: {} },
    { name: 'db', command: 'sleep 1001', env: { A: 'b' } },
    { name: 'quits', command: 'exit 3', env: {} },
  ],
};

/** The promises of `Guest` that hold for every implementation. `hostKey`: an OpenSSH private key. */
export function guestConformance(t: Test, open: (t: Test) => Promise<GuestUnderTest>, hostKey: string): void {
  const wanted = { ...desired, hostKey };
  const service = (state: GuestState, name: string) => state.services.find(found => found.name === name);
  const ended = (job: 'clone' | 'preStart', token: string) => (state: GuestState) =>
    state.jobs[job]?.token === token && state.jobs[job]?.state !== 'Running';

  t.test('render is pure, and a change shows in the digest of what must change, and only there', async t => {
    const { guest } = await open(t);
    const one = guest.render(wanted);
    t.strictSame(guest.render(structuredClone(wanted)), one);
    const keys = guest.render({ ...wanted, authorizedKeys: [] });
    t.strictSame({ ...keys, keys: one.keys }, one);
    t.notSame(keys.keys, one.keys);
    const env = guest.render({ ...wanted, env: { GREETING: 'bye' } });
    t.strictSame(env.boot, one.boot);
    t.notSame(env.runtime, one.runtime);
    t.not(env.services.web?.digest, one.services.web?.digest, 'services run in the environment');
    const [web, ...others] = wanted.services;
    const changed = guest.render({ ...wanted, services: [{ ...web!, command: 'sleep 2000' }, ...others] });
    t.not(changed.services.web?.digest, one.services.web?.digest);
    t.equal(changed.services.db?.digest, one.services.db?.digest);
    t.strictSame(changed.runtime, one.runtime);
  });

  t.test('configuring, services, jobs and checks', async t => {
    const under = await open(t);
    const { guest, id, until } = under;
    const config = guest.render(wanted);
    const managed = [...config.boot, ...config.runtime, ...config.keys].map(file => file.path);

    await t.test('before it is configured it says so, and starts nothing', async t => {
      const state = await guest.state(id);
      t.match(state, { configured: false, services: [], jobs: {}, sshd: { running: false, restarts: 0 } });
      await t.rejects(guest.serviceUp(id, 'web', config.services.web!), { code: 'Internal' });
      await t.rejects(guest.runHook(id, 'preStart', 'true', 'a'), { code: 'Internal' });
    });

    await t.test('configured, sshd and supervisor run and the files are as rendered', async t => {
      await guest.configure(id, config);
      const state = await until(({ sshd }) => sshd.running);
      t.match(state, { configured: true, supervisor: { running: true, restarts: 0 } });
      t.strictSame(Object.keys(state.files).sort(), managed.sort());
      await guest.configure(id, config);
      t.strictSame({ ...(await guest.state(id)), at: 0 }, { ...state, at: 0 }, 'again changes nothing');
    });

    await t.test('edited and removed files are seen, and put back', async t => {
      const path = config.keys[0]?.path ?? '';
      const { files } = await guest.state(id);
      await under.edit(path, 'something else\n');
      await until(state => state.files[path] !== files[path] && state.files[path] !== undefined);
      await under.edit(path);
      await until(state => state.files[path] === undefined);
      await guest.configure(id, config);
      t.strictSame((await until(state => state.files[path] !== undefined)).files, files);
    });

    await t.test('a service is kept up, from the definition that it was given last', async t => {
      await guest.serviceUp(id, 'web', config.services.web!);
      const first = service(await until(state => service(state, 'web')?.state === 'Running'), 'web');
      t.match(first, { wanted: 'Up', digest: config.services.web?.digest, restarts: 0 });
      await guest.serviceUp(id, 'web', config.services.web!);
      t.equal(service(await guest.state(id), 'web')?.pid, first?.pid, 'the same is left alone');
      const changed = guest.render({ ...wanted, env: { GREETING: 'bye' } }).services.web!;
      await guest.serviceUp(id, 'web', changed);
      const second = service(await until(state => service(state, 'web')?.state === 'Running'), 'web');
      t.match(second, { digest: changed.digest, restarts: 0 });
      t.not(second?.pid, first?.pid);
    });

    await t.test('a killed service is counted and comes back', async t => {
      await under.kill({ service: 'web' });
      const state = await until(
        state => service(state, 'web')?.restarts === 1 && service(state, 'web')?.state === 'Running',
      );
      t.match(service(state, 'web'), { exitCode: 137 });
    });

    await t.test('a restart is counted, and refused for one that is not up', async t => {
      await guest.serviceRestart(id, 'web');
      const state = await until(state => service(state, 'web')?.state === 'Running');
      t.equal(service(state, 'web')?.restarts, 2);
      await t.rejects(guest.serviceRestart(id, 'db'), DriverError);
    });

    await t.test('down and removed, twice or unknown, is success', async t => {
      await guest.serviceDown(id, 'web');
      await guest.serviceDown(id, 'web');
      const state = await guest.state(id);
      t.match(service(state, 'web'), { wanted: 'Down', state: 'Stopped', restarts: 2 });
      t.equal(service(state, 'web')?.pid, undefined);
      await guest.serviceRemove(id, 'web');
      await guest.serviceRemove(id, 'web');
      await guest.serviceDown(id, 'web');
      t.strictSame((await guest.state(id)).services, []);
    });

    await t.test('a service that ends by itself waits and is started again', async t => {
      await guest.serviceUp(id, 'quits', config.services.quits!);
      await until(state => service(state, 'quits')?.state === 'Backoff');
      const state = await until(state => (service(state, 'quits')?.restarts ?? 0) >= 2);
      t.match(service(state, 'quits'), { wanted: 'Up', exitCode: 3 });
      await guest.serviceRemove(id, 'quits');
    });

    await t.test('sshd and supervisor that are killed come back and are counted, services go on', async t => {
      await guest.serviceUp(id, 'db', config.services.db!);
      const before = service(await until(state => service(state, 'db')?.state === 'Running'), 'db');
      await under.kill('sshd');
      await until(({ sshd }) => sshd.running && sshd.restarts === 1);
      await under.kill('supervisor');
      const state = await until(({ supervisor }) => supervisor.running && supervisor.restarts === 1);
      t.strictSame(service(state, 'db'), before);
    });

    await t.test('a hook runs once for a token, and another token is another run', async t => {
      await guest.runHook(id, 'preStart', 'true', 'first');
      const first = await until(ended('preStart', 'first'));
      t.strictSame(first.jobs.preStart, { state: 'Succeeded', exitCode: 0, token: 'first' });
      await guest.runHook(id, 'preStart', 'echo sorry; exit 5', 'second');
      const second = await until(ended('preStart', 'second'));
      t.match(second.jobs.preStart, { state: 'Failed', exitCode: 5, tail: /sorry/ });
      await guest.runHook(id, 'preStart', 'true', 'second');
      t.strictSame(
        (await guest.state(id)).jobs.preStart,
        second.jobs.preStart,
        'a failed one is not run again',
      );
      await guest.runHook(id, 'preStart', 'sleep 1000', 'third');
      await until(({ jobs }) => jobs.preStart?.token === 'third' && jobs.preStart.state === 'Running');
      await guest.runHook(id, 'preStart', 'true', 'fourth');
      t.match((await until(ended('preStart', 'fourth'))).jobs.preStart, { state: 'Succeeded' });
    });

    await t.test('checks tell whether the command succeeded', async t => {
      t.strictSame(await guest.check(id, { command: ['true'] }, 5000), { ok: true, message: '' });
      t.match(await guest.check(id, { command: ['false'] }, 5000), { ok: false, message: /exit code 1/ });
    });

    await t.test(
      'a clone that fails says how, may be tried again, and leaves a used folder alone',
      async t => {
        await guest.clone(id, { url: under.urls.unreachable, token: 'a' });
        const failed = await until(ended('clone', 'a'));
        t.match(failed.jobs.clone, { state: 'Failed', exitCode: CLONE_EXIT.unreachable });
        t.equal(failed.repository, undefined);
        await guest.clone(id, { url: under.urls.open, ref: 'absent', token: 'b' });
        t.match((await until(ended('clone', 'b'))).jobs.clone, {
          state: 'Failed',
          exitCode: CLONE_EXIT.refNotFound,
        });
      },
    );

    await t.test('a clone that succeeds is told, and done once', async t => {
      await guest.clone(id, { url: under.urls.open, ref: 'side', token: 'c' });
      const { jobs, repository } = await until(ended('clone', 'c'));
      t.match(jobs.clone, { state: 'Succeeded' });
      t.match(repository, { url: under.urls.open, branch: 'side', dirty: false, commit: /^[0-9a-f]{40}$/ });
      await guest.clone(id, { url: under.urls.unreachable, token: 'd' });
      const again = await until(ended('clone', 'd'));
      t.match(again.jobs.clone, { state: 'Succeeded' });
      t.strictSame(again.repository, repository);
    });

    await t.test(
      'a watch tells the state at once and after each change, and ends with its signal',
      async t => {
        const stop = new AbortController();
        const seen: GuestState[] = [];
        const done = (async () => {
          for await (const state of guest.watch(id, stop.signal)) {
            seen.push(state);
            if (service(state, 'web')?.state === 'Running') stop.abort();
          }
        })();
        await guest.serviceUp(id, 'web', config.services.web!);
        await until(state => service(state, 'web')?.state === 'Running');
        await done.catch(error => t.equal(error, stop.signal.reason));
        t.ok(seen.length > 0);
        t.equal(service(seen.at(-1)!, 'web')?.state, 'Running');
      },
    );

    await t.test(
      'stopped, it is not running; started again, it waits to be configured, and keeps the repository',
      async t => {
        const before = await guest.state(id);
        const stop = new AbortController();
        const watch = guest.watch(id, stop.signal)[Symbol.asyncIterator]();
        await watch.next();
        const last = (async () => {
          while (!(await watch.next()).done);
        })().catch(() => {});
        await under.stop();
        await last;
        await t.rejects(guest.state(id), { code: 'NotRunning' });
        await t.rejects(guest.configure(id, config), { code: 'NotRunning' });
        await under.start();
        const state = await guest.state(id);
        t.match(state, { configured: false, services: [], jobs: {} });
        t.not(state.bootId, before.bootId);
        await guest.configure(id, config);
        t.strictSame((await until(({ sshd }) => sshd.running)).repository, before.repository);
      },
    );
  });

  t.test('an instance ends by itself when its fence is not renewed, and not before', async t => {
    const { guest, id, until, start } = await open(t);
    const config = guest.render(wanted);
    await guest.configure(id, config, 600_000);
    await until(({ sshd, fenced }) => sshd.running && fenced);
    await guest.fence(id, undefined);
    await until(({ fenced }) => !fenced);
    await guest.fence(id, 2_000);
    await until(({ fenced }) => fenced);
    const stop = new AbortController();
    const watch = guest.watch(id, stop.signal)[Symbol.asyncIterator]();
    await watch.next();
    await guest.fence(id, 600_000);
    await guest.serviceUp(id, 'web', config.services.web!);
    const renewed = await until(state => service(state, 'web')?.state === 'Running');
    t.equal(renewed.fenced, true, 'by way of the watch');
    await guest.fence(id, 1_000);
    // What watches it may end a moment before it does.
    let end: unknown;
    for (let i = 0; i < 20 && (end as DriverError | undefined)?.code !== 'NotRunning'; i++) {
      await until(() => false).catch(() => {});
      end = await guest.state(id).catch((error: unknown) => error);
    }
    t.match(end, { code: 'NotRunning' });
    stop.abort();
    await start();
    t.match(await guest.state(id), { fenced: false, configured: false, services: [] }, 'nothing runs in it');
  });

  t.test('a folder with files that is no repository is not cloned into', async t => {
    const { guest, id, until, putInHome, urls } = await open(t);
    await guest.configure(id, guest.render(wanted));
    await putInHome('workspace/notes', 'mine');
    await guest.clone(id, { url: urls.open, token: 'a' });
    t.match((await until(ended('clone', 'a'))).jobs.clone, {
      state: 'Failed',
      exitCode: CLONE_EXIT.notEmpty,
    });
  });
}
