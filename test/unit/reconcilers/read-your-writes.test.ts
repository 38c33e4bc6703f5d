import t from 'tap';
import { readYourWrites } from '../../../controller/reconcilers/read-your-writes.ts';
import { Cache } from '../../../controller/runtime/cache.ts';
import type { Informer } from '../../../controller/runtime/reconciler.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeWorkspace } from '../../support/fixtures.ts';

/** A cache that is told by hand. */
function setUp() {
  const cache = new Cache<Workspace>();
  let handler: (change: { old?: Workspace; now?: Workspace }) => void = () => {};
  const informer: Informer<Workspace> = {
    synced: Promise.resolve(),
    get: (name, namespace) => cache.get(name, namespace),
    list: options => cache.list(options),
    byIndex: (index, value) => cache.byIndex(index, value),
    addIndex: (name, fn) => cache.addIndex(name, fn),
    onChange(added) {
      handler = added;
      return () => {};
    },
    run: async () => {},
  };
  const clock = new FakeClock();
  return {
    clock,
    own: readYourWrites(informer, clock),
    show: (now: Workspace) => handler({ old: cache.set(now), now }),
    hide: () => handler({ old: cache.delete('default/w') }),
  };
}
const version = (resourceVersion: string) => makeWorkspace('w', {}, { resourceVersion });
const key = { name: 'w', namespace: 'default' };

t.test('a write is seen at once, until the cache shows it or anything newer', async t => {
  const { own, show } = setUp();
  show(version('1'));
  own.wrote(version('1'), version('2'));
  t.equal(own.get(key)?.metadata.resourceVersion, '2');
  own.wrote(version('2'), version('3'));
  t.equal(own.get(key)?.metadata.resourceVersion, '3');
  show(version('2'));
  t.equal(own.get(key)?.metadata.resourceVersion, '3', 'an own write on the way is older than the last one');
  show(version('4'));
  t.equal(own.get(key)?.metadata.resourceVersion, '4', 'what others wrote is newer');
});

t.test('a write that the cache has shown before it was answered adds nothing', async t => {
  const { own, show } = setUp();
  show(version('1'));
  show(version('2'));
  own.wrote(version('1'), version('2'));
  show(version('3'));
  t.equal(own.get(key)?.metadata.resourceVersion, '3');
});

t.test('an answer that comes after somebody else wrote on top is not newer than the cache', async t => {
  const { own, show } = setUp();
  show(version('1'));
  show(version('9'));
  own.wrote(version('1'), version('2'));
  t.equal(own.get(key)?.metadata.resourceVersion, '9');
});

t.test('a create is seen at once, and believed for half a minute if the cache never shows it', async t => {
  const { own, clock } = setUp();
  own.wrote(undefined, version('1'));
  t.equal(own.get(key)?.metadata.resourceVersion, '1');
  await clock.advance(30_000);
  t.equal(own.get(key), undefined);
});

t.test(
  'what the cache never shows is told once; what it shows in time, or shows and loses, is not',
  async t => {
    const { own, clock, show, hide } = setUp();
    const told: (string | undefined)[] = [];
    const off = own.onUnseen(({ metadata }) => told.push(metadata.resourceVersion));
    own.wrote(undefined, version('1'));
    await clock.advance(29_000);
    own.wrote(version('1'), version('2'));
    await clock.advance(29_000);
    t.same(told, [], 'a write on top begins the wait anew');
    await clock.advance(1_000);
    t.same(told, ['2']);
    t.notOk(own.isOwn(version('2')), 'and it is forgotten');
    own.wrote(undefined, version('3'));
    show(version('3'));
    hide();
    await clock.advance(60_000);
    t.equal(clock.pending, 0);
    own.wrote(undefined, version('4'));
    off();
    await clock.advance(60_000);
    t.same(told, ['2']);
  },
);

t.test('what was deleted is gone, though it was written by us', async t => {
  const { own, show, hide } = setUp();
  own.wrote(undefined, version('1'));
  show(version('1'));
  hide();
  t.equal(own.get(key), undefined);
});

t.test('its own last version is told from those of others', async t => {
  const { own, show, hide } = setUp();
  own.wrote(undefined, version('1'));
  t.ok(own.isOwn(version('1')));
  t.notOk(own.isOwn(version('2')));
  show(version('1'));
  hide();
  t.notOk(own.isOwn(version('1')));
});
