import fc from 'fast-check';
import t from 'tap';
import { fold } from '../../../controller/reconcilers/workspace/fold.ts';
import {
  isLegal,
  nextPhase,
  type Phase,
  TRANSITIONS,
} from '../../../controller/reconcilers/workspace/phases.ts';
import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import { REASONS, type Reason } from '../../../crds/vocabulary.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const ALL = Object.keys(TRANSITIONS).filter(phase => phase !== 'New') as Phase[];

t.test('from every phase but Deleting every other is reached, in at most four legal steps', async t => {
  for (const from of [undefined, ...ALL].filter(phase => phase !== 'Deleting'))
    for (const target of ALL) {
      let phase: Phase | undefined = from;
      let steps = 0;
      while (phase !== target && steps < 5) {
        const next: Phase = nextPhase(phase, target);
        t.ok(isLegal(phase, next), `${phase} → ${next} on the way to ${target}`);
        phase = next;
        steps++;
      }
      t.equal(phase, target, `${from} → ${target}`);
      t.ok(steps <= 4);
    }
  t.equal(nextPhase('Deleting', 'Running'), 'Deleting', 'nothing comes back from being deleted');
});

const status = fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const);
const reason = fc.constantFrom(...(Object.keys(REASONS) as Reason[]));
const condition = fc.record({
  type: fc.constantFrom('ImageReady', 'ContainerReady', 'SSHReady', 'ServicesReady', 'Ready'),
  status,
  reason,
  message: fc.constant('m'),
  lastTransitionTime: fc.constant('2026-01-01T00:00:00Z'),
});
const placement = fc
  .record({
    running: fc.boolean(),
    deleting: fc.boolean(),
    state: fc.constantFrom(
      'Missing' as const,
      'Created' as const,
      'Running' as const,
      'Stopped' as const,
      undefined,
    ),
    conditions: fc.uniqueArray(condition, { selector: c => c.type }),
    generation: fc.nat(2),
    reports: fc.boolean(),
  })
  .map(
    ({ running, deleting, state, conditions, generation, reports }): Placement =>
      makePlacement(
        'w',
        'n',
        { running },
        {
          metadata: { generation: 1, ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
          ...(reports && {
            status: {
              observedGeneration: generation,
              workspaceGeneration: generation,
              ...(state && { container: { state } }),
              conditions,
            },
          }),
        },
      ),
  );
const observation = fc.record({
  placement: fc.option(placement, { nil: undefined }),
  ready: fc.constantFrom('True' as const, 'Unknown' as const, 'False' as const),
  problem: fc.option(fc.record({ reason, message: fc.constant('m') }), { nil: undefined }),
  running: fc.boolean(),
});

t.test('whatever is observed in whatever order, only legal phases follow each other', async t => {
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 30 }), fc.boolean(), (observations, isDeleted) => {
      let workspace: Workspace = makeWorkspace('w');
      for (const [i, { placement, ready, problem, running }] of observations.entries()) {
        const before = workspace.status?.phase;
        workspace = { ...workspace, spec: { running } };
        const isLast = isDeleted && i === observations.length - 1;
        const seen = {
          placement,
          node: makeNode('n', { ready }),
          problem,
          ...(isLast && { deletion: { reason: 'Deleting' as const, message: 'm' } }),
          nowMs: i,
        };
        const folded = fold({ workspace, ...seen });
        const { phase } = folded.status;
        if (!phase || !isLegal(before, phase)) return false;
        if (phase === 'Running' && (ready !== 'True' || placement?.status?.container?.state !== 'Running')) {
          // Only an intermediate step may lead through Running, and none does.
          return false;
        }
        workspace = { ...workspace, status: folded.status };
        // Folding again without news changes nothing once the target is reached.
        if (phase === folded.target) {
          const again = fold({ workspace, ...seen, nowMs: i + 1000 });
          if (JSON.stringify(again.status) !== JSON.stringify(folded.status)) return false;
        }
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass('500 sequences');
});
