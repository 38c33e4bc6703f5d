import t from 'tap';
import { noOwnNetwork, runInOwnNetwork } from '../support/own-network.ts';

t.setTimeout(590_000);

t.test('images that SSH and Git were added to go when nobody uses them', { skip: noOwnNetwork() }, t =>
  runInOwnNetwork(t, new URL('own-network/unused-images.ts', import.meta.url), 580_000),
);
