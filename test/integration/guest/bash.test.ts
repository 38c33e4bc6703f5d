import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { DockerNode } from '../../support/docker-node.ts';
import { openLab, service, serviceOf } from './lab.ts';

t.setTimeout(300_000);

/** As on Fedora: sh is bash, and setpriv and su are not there. */
async function bashImage({ docker, node, imageId }: DockerNode): Promise<string> {
  const container = await docker.createContainer({
    Image: imageId,
    Cmd: ['sh', '-c', 'ln -sf bash /bin/sh; rm /usr/bin/setpriv /bin/su'],
  });
  await container.start();
  await container.wait();
  const { Id: id } = await container.commit({
    repo: `${node}-bash`,
    tag: '1',
    changes: 'ENV VERSION=1.2 RUN=fast',
  });
  await container.remove();
  t.teardown(() => docker.getImage(id).remove({ force: true }));
  return id;
}

const env = { A: `it's "x"\ny\t$z`, LINES: '3' };
const lab = await openLab(t, {
  image: bashImage,
  desired: { env, services: [service('web', 'printf "%s|" "$A" "$PWD"; id -un; exec sleep 1000')] },
});
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  const login = (command: string) => lab.ssh(['ssh', '-p', String(lab.port), 'dev@127.0.0.1', command]);

  t.test('sessions have the environment, and ~/.bashrc is read as it is for any command of ssh', async t => {
    t.equal((await login('printf "%s." "$A"')).stdout, `${env.A}.`);
    await lab.sh('sed -i "1iexport FROM_RC=yes" ~dev/.bashrc');
    t.equal((await login('echo "$FROM_RC"')).stdout, 'yes\n');
  });

  t.test('services and hooks work, and outlive what watches over them', async t => {
    await guest.serviceUp(id, 'web', lab.config.services.web!);
    const { pid } = serviceOf(await lab.until(state => serviceOf(state, 'web')?.state === 'Running'), 'web')!;
    for (let i = 0; i < 50 && !(await lab.sh('cat /var/log/nexus/web.log')).stdout.includes('dev'); i++);
    t.equal((await lab.sh('cat /var/log/nexus/web.log')).stdout, `${env.A}|/home/dev|dev\n`);
    await lab.sh(`kill -9 $(cut -d' ' -f1 /run/nexus/supervisor.pid /run/nexus/units/web/runner)`);
    await lab.until(state => state.supervisor.restarts === 1);
    t.equal(serviceOf(await guest.state(id), 'web')?.pid, pid);
    await lab.sh(`kill -9 ${pid}`);
    await lab.until(
      state => serviceOf(state, 'web')?.restarts === 1 && serviceOf(state, 'web')?.state === 'Running',
    );
    await guest.serviceDown(id, 'web');
    await guest.runHook(id, 'preStart', 'test "$(id -un)" = dev; exit $?', 'a');
    await lab.until(({ jobs }) => jobs.preStart?.state === 'Succeeded');
  });

  t.test('variables may bear any name, those of the guest and of the login included', async t => {
    const names = {
      JOBS: '4',
      UNITS: 'cm',
      PROGRAM: 'p',
      line: 'l',
      dir: 'd',
      HOME: '/tmp',
      SHELL: '/bin/false',
      PATH: '/odd:/usr/bin:/bin',
    };
    await lab.configure({ env: names });
    const print = (more: string) =>
      `printf '%s,' "$VERSION" "$RUN" "$${Object.keys(names).join('" "$')}" ${more}`;
    const expected = ['1.2', 'fast', ...Object.values(names)];
    const check = await guest.check(id, { command: ['sh', '-c', `${print('')}; exit 1`] }, 5000);
    t.equal(check.message, `exit code 1: ${expected.join(',')},`);
    const odd = guest.render({
      ...lab.desired,
      services: [service('odd', `${print('"$PWD"')}; exec sleep 1000`)],
    });
    await guest.serviceUp(id, 'odd', odd.services.odd!);
    for (let i = 0; i < 50 && !(await lab.sh('cat /var/log/nexus/odd.log')).stdout.includes('odd'); i++);
    t.equal((await lab.sh('cat /var/log/nexus/odd.log')).stdout, `${[...expected, '/home/dev'].join(',')},`);
    const session = (await login(print(''))).stdout.split(',').slice(0, -1);
    t.strictSame(
      session,
      expected.map(value => (value === '/bin/false' ? '/bin/bash' : value)),
    );
    await lab.sh(
      'git init -q -b main ~/a && cd ~/a && git -c user.name=a -c user.email=b commit -q --allow-empty -m a',
      'dev',
    );
    const sshKey = await readFile(join(lab.dir, 'user'), 'utf8');
    await lab.configure({ git: { origin: '', username: '', password: '', sshKey } });
    await guest.clone(id, { url: 'dev@127.0.0.1:a', token: 'a' });
    const { repository } = await lab.until(({ jobs }) => jobs.clone?.state === 'Succeeded');
    t.match(repository, { branch: 'main', dirty: false });
  });

  t.test('it stops cleanly', async t => {
    await lab.node.driver.stop(id, 20);
    const { State: state } = await lab.node.docker.getContainer(id).inspect();
    t.equal(state.ExitCode, 0);
  });
}
