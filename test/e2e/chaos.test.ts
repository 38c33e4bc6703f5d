import t from 'tap';
import { noLxd } from '../support/lxd-lab.ts';
import { noOwnNetwork, runInOwnNetwork } from '../support/own-network.ts';

const TIMEOUT_MS = Number(process.env.NEXUS_TEST_CHAOS_SECONDS ?? 75) * 1000 + 400_000;
t.setTimeout(TIMEOUT_MS + 10_000);

t.test('five nodes in a storm of failures', { skip: noOwnNetwork() || noLxd() }, t =>
  runInOwnNetwork(t, new URL('own-network/chaos.ts', import.meta.url), TIMEOUT_MS),
);
