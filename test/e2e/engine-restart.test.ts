import t from 'tap';
import { noOwnNetwork, runInOwnNetwork } from '../support/own-network.ts';

t.setTimeout(590_000);

t.test('an engine that is restarted, killed or loses power', { skip: noOwnNetwork() }, t =>
  runInOwnNetwork(t, new URL('own-network/engine-restart.ts', import.meta.url), 580_000),
);
