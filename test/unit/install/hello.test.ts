import { execFileSync } from 'node:child_process';
import t from 'tap';
import { serveRepository } from '../../../examples/01-hello/serve.ts';
import { freePorts } from '../../support/ports.ts';

t.test('the repository of the example is served on another port where its own is taken', async t => {
  const [port = 0] = await freePorts(1);
  const listen = '127.0.0.1';
  const first = await serveRepository({ listen, port });
  t.teardown(() => first.stop());
  t.equal(first.port, port);
  await t.rejects(serveRepository({ listen, port }), { message: /is taken.*--port/ });
  const second = await serveRepository({ listen, port, orAnother: true });
  const served = (of: number) =>
    execFileSync('git', ['ls-remote', `git://${listen}:${of}/hello.git`, 'main'], { encoding: 'utf8' });
  t.not(second.port, port);
  t.match(served(second.port), /refs\/heads\/main/);
  await second.stop();
  t.match(served(first.port), /refs\/heads\/main/, 'and the first goes on');
});
