import { isApiError } from '../../controller/kit/errors.ts';
import { jsonEqual } from '../../controller/kit/json.ts';
import { isTrue } from '../../controller/runtime/conditions.ts';
import { addFinalizer } from '../../controller/runtime/finalizers.ts';
import {
  done,
  type Outcome,
  type ReconcileContext,
  type Reconciler,
} from '../../controller/runtime/reconciler.ts';
import { PLACEMENT } from '../../crds/kinds.ts';
import { FINALIZER_PLACEMENT } from '../../crds/names.ts';
import type { Placement } from '../../crds/types.generated.ts';
import type { AgentContext } from '../agent-context.ts';
import { mayRun } from '../fence/open-fence.ts';
import { renewGuest } from '../fence/renew-guests.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { resolve } from '../model/resolve.ts';
import { leaveVolume } from '../moved-volumes.ts';
import type { PlacementSource } from '../placement-source.ts';
import { laneOf } from '../plan/actions.ts';
import { plan } from '../plan/plan.ts';
import { settleMs } from '../status/service-status.ts';
import { summarize } from '../status/summarize.ts';
import { act } from './act.ts';
import { warning } from './notice.ts';
import { noticesBetween } from './notices.ts';
import { observe } from './observe.ts';
import { pendingKeys } from './pending-keys.ts';
import { isBlink, restOutcome } from './rest-outcome.ts';
import { createUnit, disposeUnit, hasStartedAnew, recall, type Unit } from './unit.ts';
import { whatWaits } from './what-waits.ts';

/** Rounds of one pass; more follow in another pass, so that no placement keeps a worker. */
const MAX_ROUNDS = 12;

/** Brings one placement nearer to what it asks for: observe, plan, act, until there is nothing to do now. */
export class PlacementReconciler implements Reconciler {
  readonly name = 'placement';
  readonly units: Map<string, Unit>;
  readonly #context: AgentContext;
  readonly #source: Pick<PlacementSource, 'placement' | 'secret'>;
  readonly #onForgotten: () => void;

  /**
   * `units` is shared with what reaches into workspaces: forwards and checks. `onForgotten` is called when a placement
   * that is looked at is gone: something may have been made for it since orphans were last looked for.
   */
  constructor(
    context: AgentContext,
    source: Pick<PlacementSource, 'placement' | 'secret'>,
    units = new Map<string, Unit>(),
    onForgotten = () => {},
  ) {
    this.units = units;
    this.#context = context;
    this.#source = source;
    this.#onForgotten = onForgotten;
  }

  async reconcile({ name }: { name: string }, { signal }: ReconcileContext): Promise<Outcome> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      signal.throwIfAborted();
      const placement = this.#source.placement(name);
      if (!placement) return this.#forget(name);
      const unit = await this.#unitOf(placement);
      const desired = this.#resolve(placement, unit);
      const awaitedMs = this.#awaitedMs(placement, unit, desired);
      if (awaitedMs > 0) {
        this.#lookAhead(desired);
        return { kind: 'requeueAfter', ms: awaitedMs };
      }
      const fence = desired.mayMove ? await this.#askFence(placement) : undefined;
      const observed = { ...(await observe(this.#context, unit, desired)), ...(fence && { fence }) };
      this.#tell(placement, unit, observed);
      this.#keepGoing(unit, observed);
      const actions = plan(desired, observed);
      const isUp = observed.tunnel.state === 'Connected' || !desired.running;
      unit.attempts.settle(actions, pendingKeys(desired, observed), isUp && !desired.deleting);
      const { due, waitMs } = this.#sort(unit, actions);
      // Failures that this plan has left behind are not told any more.
      // Ports open in no time: that they were not is no news, or each restart of the agent would be.
      const isNews = due.length === 0 || due.some(action => laneOf(action) !== 'forwards');
      if (isNews && !isBlink(unit, observed))
        this.#report(placement, unit, {
          desired,
          observed: { ...observed, failures: unit.attempts.failures() },
          isAtRest: due.length === 0,
        });
      if (due.length === 0) {
        const settle = settleMs(desired, observed, this.#context.clock.now());
        return restOutcome(unit, observed, [waitMs ?? [], settle ?? []].flat());
      }
      if (!(await this.#mayMake(placement, unit, desired))) return { kind: 'requeueAfter', ms: 200 };
      const acting = {
        context: this.#context,
        unit,
        placement,
        desired,
        observed,
        instanceId: observed.instance?.id,
      };
      await act(acting, due, signal);
      if (due.some(({ type }) => type === 'release') && !this.#source.placement(name))
        return this.#forget(name);
    }
    return { kind: 'requeueAfter', ms: 50 };
  }

  /** Ends everything that follows placements; containers and volumes are left as they are. */
  async stop(): Promise<void> {
    await Promise.all([...this.units.values()].map(disposeUnit));
    this.units.clear();
  }

  async #unitOf(placement: Placement): Promise<Unit> {
    const { name } = placement.metadata;
    const there = this.units.get(name);
    if (there && there.workspaceUid === placement.spec.workspace.uid) {
      // Begun before anything was known of the container: what the API says of it is news.
      if (!there.status && there.known === 'Missing') recall(there, placement.status?.container);
      there.placementUid = placement.metadata.uid ?? '';
      return there;
    }
    if (there) await this.#forget(name);
    const { clock, random } = this.#context;
    const fresh = createUnit(placement, clock, random);
    this.units.set(name, fresh);
    return fresh;
  }

  /** The placement is gone from the API. What it left on the engine is an orphan, which the sweep removes. */
  async #forget(name: string): Promise<Outcome> {
    const unit = this.units.get(name);
    if (!unit) {
      // Something happened to what it left: what an agent that was killed had asked for may have been made only now.
      this.#onForgotten();
      return done;
    }
    this.units.delete(name);
    await disposeUnit(unit);
    for (const { forwarder } of this.#context.backends.values()) await forwarder.closeAll(name);
    await this.#context.statuses.forget(name);
    if (unit.resolved?.desired.mayMove && !unit.isReleased)
      await leaveVolume(this.#context, name, unit.workspaceUid);
    await this.#context.hostKeys.forget(unit.workspaceUid);
    await this.#context.checkpoint.forget(name);
    this.#onForgotten();
    return done;
  }

  /** What an earlier agent has fenced is told at once that there is one again. */
  #keepGoing(unit: Unit, { instance, guest }: Observed): void {
    if (!guest?.fenced || instance?.id === unit.renewedInstance) return;
    unit.renewedInstance = instance?.id;
    void renewGuest(this.#context, unit);
  }

  /** What the cache shows may be gone already: what is not known to be here is asked for once more. */
  async #askFence({ metadata }: Placement): Promise<Observed['fence']> {
    const { fence, client, namespace } = this.#context;
    const { name, uid = '' } = metadata;
    const verdict = fence.verdict(uid);
    if (verdict === 'Free') return undefined;
    if (verdict === 'Stop' || !fence.isOpen) return verdict;
    try {
      const found = await client.get(PLACEMENT, { namespace, name });
      if (found.metadata.uid !== uid || !mayRun(found)) return 'Stop';
      fence.name(uid);
      return fence.isOpen ? undefined : 'Hold';
    } catch (error) {
      if (isApiError(error, 'NotFound')) return 'Stop';
      return 'Hold';
    }
  }

  /** Rendering and hashing are done once for each version of a placement and its Secret. */
  #resolve(placement: Placement, unit: Unit): Desired {
    const { spec, metadata } = placement;
    const backend = this.#context.backends.get(spec.driver) ?? [...this.#context.backends.values()][0];
    if (!backend) throw new Error('this agent has no driver');
    const secret = spec.secretName === undefined ? undefined : this.#source.secret(spec.secretName);
    const versions = {
      placement: `${metadata.uid}/${metadata.generation}/${metadata.deletionTimestamp ?? ''}`,
      secret: secret ? `${secret.metadata.uid}/${secret.metadata.resourceVersion}` : '',
    };
    const { resolved } = unit;
    if (resolved?.placement === versions.placement && resolved.secret === versions.secret)
      return resolved.desired;
    const { hostKeys } = this.#context;
    const { uid } = spec.workspace;
    const desired = resolve(placement, secret, backend.facts, hostKeys.get(uid));
    unit.resolved = { ...versions, desired };
    // What may be moved never starts without its server, which has its host key.
    if (desired.mayMove || desired.deleting) void hostKeys.forget(uid);
    else if (desired.inside) void hostKeys.keep(uid, desired.inside.hostKey);
    const withheld = whatWaits(desired);
    if (withheld) this.#context.log.warn({ placement: desired.name }, withheld);
    return desired;
  }

  /** A new placement's Secret comes right after it, and wakes this: until then there is nothing to do or to tell. */
  #awaitedMs({ status }: Placement, unit: Unit, { insideMissing, deleting }: Desired): number {
    const isNew = !status && unit.known === 'Missing' && !deleting;
    return isNew && insideMissing?.isPending ? unit.since + SECRET_MS - this.#context.clock.now() : 0;
  }

  /** Meanwhile the engine is listed, which the pass with the Secret then need not wait for. */
  #lookAhead({ driver }: Desired): void {
    this.#context.backends
      .get(driver)
      ?.view.read()
      .catch(() => {});
  }

  #sort(unit: Unit, actions: ReturnType<typeof plan>): { due: ReturnType<typeof plan>; waitMs?: number } {
    let waitMs: number | undefined;
    const due: ReturnType<typeof plan> = [];
    let isInstanceHeld = false;
    for (const action of actions) {
      const held = unit.attempts.heldMs(action);
      // What comes after a held step of the instance needs that step first.
      if (held > 0 || (isInstanceHeld && FOLLOWERS.has(action.type))) {
        isInstanceHeld ||= FOLLOWERS.has(action.type) || LEADERS.has(action.type);
        if (held > 0) waitMs = Math.min(waitMs ?? held, held);
      } else due.push(action);
    }
    return { due, ...(waitMs !== undefined && { waitMs }) };
  }

  #tell(placement: Placement, unit: Unit, observed: Observed): void {
    const { events } = this.#context;
    const { instance, guest, health } = observed;
    if (observed.engineError || observed.driverMissing) return;
    const isRestarted =
      instance?.state === 'Running' && unit.known === 'Running' && hasStartedAnew(unit, instance);
    const notices = isRestarted
      ? [warning('ContainerDied', 'the container had ended and was started again by the engine or by hand')]
      : [];
    if (instance && guest) {
      const seen = { instanceId: instance.id, guest, health };
      notices.push(...noticesBetween(unit.seen, seen, unit.ownRestarts));
      unit.seen = seen;
    }
    for (const { type, reason, message } of notices) events.event(placement, type, reason, message);
    if (instance?.state === 'Running') {
      unit.known = 'Running';
      unit.start = { instanceId: instance.id, startedAt: instance.startedAt };
    }
  }

  #report(
    placement: Placement,
    unit: Unit,
    { desired, observed, isAtRest }: { desired: Desired; observed: Observed; isAtRest: boolean },
  ): void {
    const { clock, statuses, checkpoint } = this.#context;
    const status = summarize(desired, observed, unit.status, clock.now());
    // Whoever waits for a new generation to be Ready waits for what it asks to be done.
    const isNew = status.observedGeneration !== unit.status?.observedGeneration;
    if (!isAtRest && isNew && isTrue(status.conditions, 'Ready')) return;
    if (!jsonEqual(status, unit.status)) unit.status = status;
    // JSON has no undefined: what is sent and what comes back must compare as equal.
    statuses.submit(placement, unit.status ?? status);
    if (!desired.deleting) checkpoint.remember(placement, status);
  }

  /** The finalizer comes before anything is made. A server that is away does not keep a node from healing. */
  async #mayMake(placement: Placement, unit: Unit, desired: Desired): Promise<boolean> {
    if (desired.deleting || unit.hasFinalizer) return true;
    try {
      await addFinalizer(this.#context.client, PLACEMENT, placement, FINALIZER_PLACEMENT);
      unit.hasFinalizer = true;
      return true;
    } catch (error) {
      if (isApiError(error, 'Unreachable')) return placement.status?.container?.id !== undefined;
      if (isApiError(error, 'Conflict', 'NotFound')) return false;
      throw error;
    }
  }
}

const SECRET_MS = 250;
const LEADERS = new Set(['create', 'start', 'stop', 'remove']);
const FOLLOWERS = new Set(['create', 'start', 'configure', 'remove', 'removeVolume', 'release']);
