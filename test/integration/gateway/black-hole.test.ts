import t from 'tap';
import { noOwnNetwork, runInOwnNetwork } from '../../support/own-network.ts';

t.test(
  'a peer that a network swallows is noticed within 15 s, and what was watched goes on',
  { skip: noOwnNetwork(), timeout: 300_000 },
  t => runInOwnNetwork(t, new URL('./own-network/black-hole.ts', import.meta.url), 280_000),
);
