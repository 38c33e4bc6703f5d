import fc from 'fast-check';
import t from 'tap';
import { NODE, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';
import type { Node, Placement } from '../../../crds/types.generated.ts';
import { Fleet, type FleetNode } from '../../support/fleet-lab.ts';

t.setTimeout(300_000);
const movable = { onNodeLoss: 'Reschedule' } as const;

const isLive = ({ metadata, spec }: Placement) => spec.running && !metadata.deletionTimestamp;

/** At most one placement of a workspace is live. */
async function checkPlacements(fleet: Fleet): Promise<void> {
  const byUid = Map.groupBy(await fleet.placements(), ({ spec }) => spec.workspace.uid);
  for (const [uid, placements] of byUid)
    if (placements.filter(isLive).length > 1)
      throw new Error(`${uid} is placed on ${placements.map(({ spec }) => spec.nodeName).join(' and ')}`);
  if (fleet.violations.length > 0) throw new Error(fleet.violations.join('\n'));
}

/** What nodes say is set aside is what is placed there. */
async function checkBooks(fleet: Fleet): Promise<void> {
  const placements = await fleet.placements();
  await fleet.until('the books to agree', async () =>
    (await fleet.client.list<Node>(NODE)).items.every(
      ({ metadata, status }) =>
        status?.allocated?.workspaces ===
        placements.filter(({ spec }) => spec.nodeName === metadata.name).length,
    ),
  );
}

t.test('a move that is broken off at any write is taken up by the next controller', async t => {
  const breaks = fc.array(
    fc.record({
      afterWrites: fc.nat(9),
      kind: fc.constantFrom('unheard' as const, 'unanswered' as const),
    }),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(breaks, async breaks => {
      const fleet = await Fleet.open(t, ['n1', 'n2']);
      await fleet.apply('moves', movable);
      const { metadata, status } = await fleet.phase('moves', 'Running');
      const from = fleet.nodes.get(status?.nodeName ?? '') as FleetNode;
      from.kill();
      await fleet.phase('moves', 'Unknown');
      await fleet.advance(70_000);
      // From here on every write of the controller is a step of the move.
      for (const { afterWrites, kind } of breaks) {
        let left = afterWrites;
        const { promise: broken, resolve: crash } = Promise.withResolvers<void>();
        let isBroken = false;
        fleet.fault = write => {
          if (write.includes('/events')) return undefined;
          if (isBroken) return 'unheard';
          if (left-- > 0) return undefined;
          isBroken = true;
          crash();
          return kind;
        };
        for (let passed = 0; passed < 130_000 && !isBroken; passed += 500) {
          await fleet.advance(500);
          await checkPlacements(fleet);
        }
        if (isBroken) await broken;
        await fleet.stopController();
        fleet.fault = undefined;
        await checkPlacements(fleet);
        await fleet.startController();
      }
      await fleet.until('it to run elsewhere', async () => {
        await checkPlacements(fleet);
        const { status } = await fleet.workspace('moves');
        return status?.phase === 'Running' && status.nodeName !== from.name && !status.move;
      });
      if (fleet.runningOn(metadata.uid).length !== 1) throw new Error('it does not run once');
      await checkBooks(fleet);
      await fleet.client.delete(WORKSPACE, { namespace: 'default', name: 'moves' });
      await fleet.until('nothing to be left', async () => (await fleet.placements()).length === 0);
      await checkBooks(fleet);
      await fleet.close();
    }),
    { numRuns: 12 },
  );
  t.pass('12 histories');
});

type Hurt =
  | 'cut'
  | 'mute'
  | 'up'
  | 'freeze'
  | 'thaw'
  | 'kill'
  | 'start'
  | 'reboot'
  | 'crash'
  | 'recover'
  | 'drain'
  | 'taint'
  | 'clear';
const step = fc.record({
  node: fc.constantFrom('n1', 'n2', 'n3'),
  hurt: fc.constantFrom<Hurt>(
    'cut',
    'mute',
    'up',
    'freeze',
    'thaw',
    'kill',
    'start',
    'reboot',
    'crash',
    'recover',
    'drain',
    'taint',
    'clear',
  ),
  seconds: fc.constantFrom(1, 5, 20, 45, 90, 150),
});

const admin: Partial<Record<Hurt, object>> = {
  drain: { drain: { maxConcurrent: 2 } },
  taint: { taints: [{ key: 'gone', effect: 'NoExecute' }] },
  clear: { drain: null, taints: null },
};

async function doTo(fleet: Fleet, node: FleetNode, hurt: Hurt): Promise<void> {
  if (hurt === 'cut' || hurt === 'mute' || hurt === 'up') node.sandbox.link = hurt;
  else if (admin[hurt]) {
    if (!fleet.isServerAway) await fleet.patchNode(node.name, { spec: admin[hurt] });
  } else if (hurt === 'freeze') node.sandbox.freeze();
  else if (hurt === 'thaw') node.sandbox.thaw();
  else if (hurt === 'kill') node.kill();
  else if (hurt === 'reboot') node.reboot();
  else if (hurt === 'start') {
    if (!node.isRunning) node.start();
  } else if (hurt === 'crash') {
    if (!fleet.isServerAway) await fleet.crash();
  } else if (fleet.isServerAway) await fleet.recover();
}

t.test(
  'however nodes, agents, links and the server come and go: nothing runs twice, nothing is lost',
  async t => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async steps => {
        const fleet = await Fleet.open(t, ['n1', 'n2', 'n3']);
        for (const name of ['a', 'b', 'c']) await fleet.apply(name, name === 'a' ? {} : movable);
        await fleet.apply('d');
        for (const name of ['a', 'b', 'c', 'd']) await fleet.phase(name, 'Running');
        const kept = new Map<string, string>();
        for (const name of ['a', 'd']) {
          const { metadata, status } = await fleet.workspace(name);
          kept.set(metadata.uid ?? '', status?.nodeName ?? '');
        }
        const volumeOf = (uid: string) =>
          [...(fleet.nodes.get(kept.get(uid) ?? '')?.engine.volumes.values() ?? [])].find(
            ({ labels }) => labels[LABEL_WORKSPACE_UID] === uid,
          );
        const volumes = new Map([...kept.keys()].map(uid => [uid, volumeOf(uid)]));
        for (const { node, hurt, seconds } of steps) {
          await doTo(fleet, fleet.nodes.get(node) as FleetNode, hurt);
          await fleet.advance(seconds * 1000);
          await checkPlacements(fleet);
        }
        if (fleet.isServerAway) await fleet.recover();
        for (const node of fleet.nodes.values()) {
          await fleet.patchNode(node.name, { spec: admin.clear });
          node.sandbox.link = 'up';
          node.sandbox.thaw();
          if (!node.isRunning) node.start();
        }
        await fleet.until('everything to be as declared', async () => {
          await checkPlacements(fleet);
          const all = await fleet.workspaces();
          // A status may be from before the server was away.
          return all.every(
            ({ status, metadata }) =>
              status?.phase === 'Running' && !status.move && fleet.runningOn(metadata.uid).length === 1,
          );
        });
        for (const [uid, volume] of volumes)
          if (!volume || volumeOf(uid) !== volume) throw new Error(`the volume of ${uid} was lost`);
        if ((await fleet.placements()).length !== 4) throw new Error('placements are left');
        await checkBooks(fleet);
        await fleet.close();
      }),
      { numRuns: 12 },
    );
    t.pass('12 histories');
  },
);
