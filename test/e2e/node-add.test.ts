import { appendFileSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EXIT } from '../../cli/errors.ts';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { NODE } from '../../crds/kinds.ts';
import { bareMachine } from '../support/bare-machine.ts';
import { builtProgram } from '../support/built-program.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { nodePorts } from '../support/ports.ts';
import { upLab } from '../support/up-lab.ts';

const EXECUTABLE = `nexus-${process.platform}-${process.arch}`;

t.setTimeout(590_000);
const engine = await findTestEngine();
const skip = 'problem' in engine && engine.problem;
const openLab = (t: Test) => {
  if ('problem' in engine) throw new Error(engine.problem);
  return upLab(t, dockerByHand(engine));
};

t.test('a bare Debian becomes a node, twice, and is upgraded', { skip }, async t => {
  const out = t.testdir({});
  const building = builtProgram();
  const lab = await openLab(t);
  const { up } = lab;
  const far = `far-${process.pid}`;
  t.teardown(() => lab.engine.clear(far));
  const box = await bareMachine(t, { withEngine: true });
  const program = await building;
  const add = (...args: string[]) =>
    up.cli(['node', 'add', 'root@box', ...box.flags, '--program', program, '--node-name', far, ...args]);
  // Without the blocks on the disk, which are counted as they are written back.
  const files = () =>
    box.shell(
      'ls -la --time-style=full-iso /usr/local/bin /var/lib/nexus /var/lib/nexus/agent | grep -v ^total',
    );
  const agent = () => box.shell('pgrep -f "nexus agent$" || true');

  await t.test('what would be done is told, and nothing is', async t => {
    const told = await add('--dry-run', '--label', 'place=far');
    t.match(told, {
      code: 0,
      stdout: new RegExp(
        `would copy .*${EXECUTABLE} to /usr/local/bin/nexus[\\s\\S]*would write /var/lib/nexus/supervise-agent:[\\s\\S]*would join as node ${far} at 127.0.0.1:\\d+\n[\\s\\S]*would start the agent`,
      ),
      stderr:
        /^ok +system: Debian[\s\S]*ok +rights: root\nok +engine: \/var\/run\/docker.sock[\s\S]*ok +clock: as here\nok +gateway: .* answers\nwarning +service: no systemd/m,
    });
    t.equal(await box.shell('ls /usr/local/bin /var/lib/nexus 2>/dev/null || true'), '/usr/local/bin:');
  });

  await t.test('the first time it is installed, joined and started', async t => {
    const added = await add('--label', 'place=far');
    t.match(added, {
      code: 0,
      stdout: new RegExp(
        `^/usr/local/bin/nexus: installed\n/var/lib/nexus/supervise-agent: installed\nnode ${far}: joined\n[\\s\\S]*agent: started\n[\\s\\S]*node ${far} is Ready\nimage: nexus-workspace:[\\w.-]+\n$`,
      ),
    });
    const node = await up.client.get(NODE, { name: far });
    t.match(node, {
      metadata: { labels: { place: 'far' }, annotations: { 'nexus.dev/ssh-destination': 'root@box' } },
      status: { drivers: [{ name: 'docker', ready: true }] },
    });
    t.match(await up.cli(['node', 'token', 'list']), { stderr: /no tokens/ }, 'its token is used up');
    t.equal(await box.shell('stat -c %a /var/lib/nexus /var/lib/nexus/agent/id_ed25519'), '700\n600');
  });

  await t.test('the second time nothing is changed, and the agent goes on', async t => {
    const before = [await files(), await agent()];
    const { metadata } = await up.client.get(NODE, { name: far });
    t.match(await add('--label', 'place=far'), {
      code: 0,
      stdout: `/usr/local/bin/nexus: unchanged\n/var/lib/nexus/supervise-agent: unchanged\nnode ${far}: unchanged\nagent: runs\nnode ${far} is Ready\n`,
    });
    t.same([await files(), await agent()], before);
    t.equal((await up.client.get(NODE, { name: far })).metadata.generation, metadata.generation);
  });

  await up.client.patch(NODE, { name: far }, 'merge', { spec: { ports: nodePorts() } });
  await lab.converge({ shop: { nodeSelector: { place: 'far' } } });
  const session = (await lab.ssh('shop')).session();
  t.teardown(() => session.end());
  t.equal(await session.ask('before'), 'before');
  const life = await lab.life('shop');

  await t.test('an upgrade replaces the agent and disturbs no session', async t => {
    const newer = join(out, 'newer');
    copyFileSync(program, newer);
    appendFileSync(newer, 'another build');
    const before = await agent();
    const upgrade = (...args: string[]) => up.cli(['node', 'upgrade', far, ...box.flags, ...args]);
    t.match(await upgrade('--program', newer), { code: 0, stdout: `${far}: upgraded, and Ready\n` });
    t.not(await agent(), before);
    t.equal(await session.ask('after'), 'after');
    t.same(await lab.life('shop'), life);
    t.match(await upgrade('--program', newer), { code: 0, stdout: `${far}: unchanged, and Ready\n` });

    await t.test('a program that does not come up is taken back', async t => {
      // Node.js itself: "node version --client" runs the file, and "node agent" finds none.
      await box.shell('echo "console.log(\'nexus broken\')" >/root/version');
      const installed = await box.shell('sha256sum /usr/local/bin/nexus');
      const failed = await upgrade('--program', process.execPath, '--timeout', '8s');
      t.match(failed, {
        code: EXIT.failed,
        stderr: new RegExp(`error: ${far} was not upgraded, and runs the program that it had: `),
      });
      t.equal(await box.shell('sha256sum /usr/local/bin/nexus'), installed);
      t.match(await box.shell('NEXUS_HOME=/var/lib/nexus nexus agent status'), /at work/);
      t.equal(await box.shell('ls /usr/local/bin'), 'nexus', 'nothing is left beside it');
      t.equal(await session.ask('still'), 'still');
    });
    await t.test('what is no program of ours is not installed', async t => {
      t.match(await upgrade('--program', '/bin/true'), { code: EXIT.failed, stderr: /is not this program/ });
      t.match(await upgrade('--program', import.meta.filename), {
        code: EXIT.failed,
        stderr: /no executable of ours/,
      });
      t.match(await box.shell('NEXUS_HOME=/var/lib/nexus nexus agent status'), /at work/);
    });
  });

  await t.test('another name, or another machine of that name, is refused', async t => {
    t.match(await add('--node-name', 'other'), {
      code: EXIT.conflict,
      stderr: new RegExp(`error: the machine is node ${far} already\nnext: leave --node-name out`),
    });
    const second = await bareMachine(t, { withEngine: true });
    t.match(
      await up.cli(['node', 'add', 'root@box', ...second.flags, '--program', program, '--node-name', far]),
      { code: EXIT.conflict, stderr: /is there already, and is another machine/ },
    );
  });

  await t.test('removed, its agent is shut out', async t => {
    t.match(await up.cli(['node', 'remove', far]), { code: EXIT.conflict, stderr: /default\/shop/ });
    session.end();
    await lab.remove('shop');
    t.match(await up.cli(['node', 'remove', far]), { code: 0, stdout: `node/${far} removed\n` });
    await t.rejects(up.client.get(NODE, { name: far }));
  });
});

t.test('a machine that cannot be a node is told why, and left alone', { skip }, async t => {
  const lab = await openLab(t);
  const box = await bareMachine(t, { withEngine: false });
  const add = (who: string, ...args: string[]) =>
    lab.up.cli(['node', 'add', `${who}@box`, ...box.flags, ...args]);
  t.match(await add('root'), {
    code: EXIT.failed,
    stderr:
      /FAILED +engine: neither Docker[\s\S]*next: .*--install-engine[\s\S]*error: root@box cannot be a node yet: engine\n/,
  });
  t.match(await add('root', '--install-engine', '--dry-run'), {
    code: 0,
    stdout: /^would install docker\.io with apt-get\n/,
    stderr: /ok +engine/,
  });
  t.match(await add('guest', '--drivers', 'memory'), {
    code: EXIT.failed,
    stderr: /FAILED +rights: guest is not root, and sudo does not let them/,
  });
  t.match(await add('root', '--drivers', 'memory', '--gateway', '127.0.0.1:1'), {
    code: EXIT.failed,
    stderr: /FAILED +gateway: 127\.0\.0\.1:1 is not reached from there/,
  });
  t.match(await add('root', '--label', 'a b'), { code: EXIT.usage });
  t.match(await add('root', '--drivers', 'docker,podman'), {
    code: EXIT.usage,
    stderr: /--drivers: must be of/,
  });
  t.match(await lab.up.cli(['node', 'add']), { code: EXIT.usage, stderr: /which machine/ });
  t.match(await lab.up.cli(['node', 'add', '-oProxyCommand=x']), { code: EXIT.usage });
  box.trust(generateSshKey('somebody else').publicKey);
  t.match(await add('root'), {
    code: EXIT.unreachable,
    stderr: /no connection to root@box: [\s\S]*next: compare its key and accept it once: ssh root@box/,
  });
  t.equal(await box.shell('ls /usr/local/bin /var/lib/nexus 2>/dev/null || true'), '/usr/local/bin:');
});
