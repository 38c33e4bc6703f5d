import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import t from 'tap';
import { pack } from 'tar-stream';
import type { DockerNode } from '../../support/docker-node.ts';
import { openLab, service, serviceOf } from './lab.ts';

t.setTimeout(300_000);

/** A file system of one busybox and nothing else: other tools than Debian's, no bash, no setpriv, no sshd. */
async function busyboxImage({ docker, node }: DockerNode): Promise<string> {
  const program = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const applets = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const tar = pack();
  for (const name of ['bin', 'etc', 'home', 'proc', 'run', 'sys', 'tmp', 'var', 'root', 'opt', 'dev'])
    tar.entry({ name, type: 'directory', mode: name === 'tmp' ? 0o1777 : 0o755 });
  tar.entry({ name: 'bin/busybox', mode: 0o4755 }, readFileSync(program));
  for (const name of applets)
    if (name !== 'busybox') tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  tar.entry({ name: 'etc/passwd' }, 'root:x:0:0:root:/root:/bin/sh\n');
  tar.entry({ name: 'etc/group' }, 'root:x:0:\n');
  tar.finalize();
  const reference = `${node}-busybox:1`;
  const output = await docker.importImage(Readable.from(tar), { repo: `${node}-busybox`, tag: '1' } as never);
  await new Promise((resolve, reject) =>
    docker.modem.followProgress(output as never, error => (error ? reject(error) : resolve(undefined))),
  );
  t.teardown(() => docker.getImage(reference).remove({ force: true }));
  return (await docker.getImage(reference).inspect()).Id;
}

const isStatic = () => {
  try {
    return execFileSync(
      'sh',
      ['-c', 'busybox --list >/dev/null && ! ldd $(command -v busybox) 2>/dev/null'],
      { stdio: 'pipe' },
    );
  } catch {
    return false;
  }
};

if (isStatic() === false) {
  t.test('the guest on busybox', { skip: 'this machine has no static busybox' }, async () => {});
} else {
  const lab = await openLab(t, {
    image: busyboxImage,
    desired: {
      env: { A: `it's "x"\ny` },
      services: [
        service('web', 'printf "%s|" "$A" "$PWD"; id -un; exec sleep 1000'),
        service(
          'loud',
          'i=0; while [ $i -lt 150000 ]; do i=$((i+1)); echo "line number $i of so many that the file is full"; done; exec sleep 1001',
        ),
        service('family', 'sleep 1002 & sleep 1003 & wait'),
      ],
    },
  });
  if (lab) {
    const { guest, id } = lab;
    const up = (name: string) => guest.serviceUp(id, name, lab.config.services[name]!);
    const running = (name: string) => lab.until(state => serviceOf(state, name)?.state === 'Running');

    t.test('it is configured, and says that there is no sshd', async t => {
      await lab.configure();
      const state = await guest.state(id);
      t.match(state, { configured: true, sshd: { running: false }, supervisor: { running: true } });
      t.match((await lab.sh('cat /var/log/nexus/_sshd.log')).stdout, /no sshd/);
    });

    t.test('services run as the user, come back when killed, and outlive supervisor and runner', async t => {
      await up('web');
      const { pid } = serviceOf(await running('web'), 'web')!;
      t.equal((await lab.sh('cat /var/log/nexus/web.log')).stdout, `it's "x"\ny|/home/dev|dev\n`);
      await lab.sh(`kill -9 $(cut -d' ' -f1 /run/nexus/supervisor.pid /run/nexus/units/web/runner)`);
      await lab.until(state => state.supervisor.restarts === 1);
      t.equal(serviceOf(await guest.state(id), 'web')?.pid, pid);
      await lab.sh(`kill -9 ${pid}`);
      await lab.until(
        state => serviceOf(state, 'web')?.restarts === 1 && serviceOf(state, 'web')?.state === 'Running',
      );
    });

    t.test('a group ends as one, and logs lose only the old', async t => {
      await up('family');
      await running('family');
      await guest.serviceDown(id, 'family');
      t.notMatch((await lab.sh('ps')).stdout, /sleep 100[23]/);
      await up('loud');
      for (
        let i = 0;
        i < 100 && (await lab.sh('tail -n1 /var/log/nexus/loud.log | grep -q "number 150000 "')).code !== 0;
        i++
      );
      const kept = await lab.sh(`cd /var/log/nexus && cat loud.log.1 loud.log | sed 1d |
        awk '{ if (n && $3 != n + 1) bad++; n = $3; count++ } END { print bad + 0, (count > 90000), n }'`);
      t.equal(kept.stdout.trim(), '0 1 150000');
    });

    t.test('hooks, their limits, and checks', async t => {
      await guest.runHook(id, 'preStart', 'id -un; exit 3', 'a');
      const { jobs } = await lab.until(({ jobs }) => jobs.preStart?.state === 'Failed');
      t.match(jobs.preStart, { exitCode: 3, tail: 'dev\n' });
      t.strictSame(await guest.check(id, { command: ['true'] }, 5000), { ok: true, message: '' });
      t.strictSame(await guest.check(id, { command: ['sleep', '1004'] }, 1000), {
        ok: false,
        message: 'did not end within 1 s',
      });
    });

    t.test('it stops cleanly', async t => {
      await lab.node.driver.stop(id, 20);
      const { State: state } = await lab.node.docker.getContainer(id).inspect();
      t.equal(state.ExitCode, 0);
    });
  }
}
