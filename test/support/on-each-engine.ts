import type { Test } from 'tap';
import { dockerByHand } from './docker-by-hand.ts';
import { findTestEngine } from './engine.ts';
import type { EngineByHand } from './engine-by-hand.ts';
import { lxdByHand } from './lxd-by-hand.ts';
import { noLxd } from './lxd-lab.ts';
import { sharedLxd } from './shared-lxd.ts';

/**
 * The same test on Docker and on LXD, one after the other; an engine that cannot be had skips its own with the
 * reason, unless `skip` gives one for both.
 */
export async function onEachEngine(
  t: Test,
  title: string,
  { skip = false, test }: { skip?: string | false; test: (t: Test, engine: EngineByHand) => Promise<void> },
): Promise<void> {
  const found = await findTestEngine();
  const noDocker = 'problem' in found && found.problem;
  await t.test(`with Docker: ${title}`, { skip: skip || noDocker }, async t => {
    if (!('problem' in found)) await test(t, dockerByHand(found));
  });
  await t.test(`with LXD: ${title}`, { skip: skip || noLxd() }, async t =>
    test(t, lxdByHand(await sharedLxd(t))),
  );
}
