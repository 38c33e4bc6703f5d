import { join } from 'node:path';
import t from 'tap';
import { findTestEngine, noTestEngine } from '../../support/engine.ts';
import { ensureTestImage } from '../../support/images.ts';
import { cli } from '../../support/run-cli.ts';

t.test('an image that is on the engine is left as it is', { skip: await noTestEngine() }, async t => {
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const image = await ensureTestImage(engine.docker, 'plain');
  const before = await engine.docker.getImage(image).inspect();
  const { code, stdout } = await cli(['image', image, `--docker-socket=${engine.socketPath}`]);
  t.same([code, stdout], [0, `${image}\n`]);
  t.equal((await engine.docker.getImage(image).inspect()).Id, before.Id);
});

t.test('an engine that does not answer is told, with what to do', async t => {
  const { code, stderr } = await cli(['image', `--docker-socket=${join(t.testdir({}), 'none.sock')}`]);
  t.equal(code, 7);
  t.match(stderr, /no engine answers at .*none\.sock/);
  t.match(stderr, /--docker-socket/);
});
