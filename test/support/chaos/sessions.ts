import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../../controller/client/client.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { USER_KEY } from '../agent-data.ts';
import { isReady } from '../up-lab.ts';
import { CONTROLLER, type Fault } from './faults.ts';
import { Session, type Way } from './session.ts';

/** After the last fault of what it passes: what that breaks late does not hit it, and no status is an old one any more. */
const CALM_MS = 12_000;
const WAYS: Way[] = ['direct', 'gateway'];

export interface SessionsOptions {
  client: Client;
  dir: string;
  gatewayKeys: string[];
}

/**
 * People's sessions in workspaces: one each way in each, opened anew when what passes it has been calm for a while. Each is
 * held to stay from when it was opened until just before the first thing that may break it.
 */
export class Sessions {
  readonly all: Session[] = [];
  readonly options: SessionsOptions & { key: string };
  /** What is harmed or was, until when. */
  readonly #harms = new Map<Fault, number>();
  /** Names of workspaces that people changed, and when. */
  readonly #changes = new Map<string, number>();
  readonly #movable = new Set<string>();
  readonly #broken = new Set<Session>();
  #lines = 0;

  constructor(options: SessionsOptions) {
    const key = join(options.dir, 'key');
    writeFileSync(key, USER_KEY.privateKey, { mode: 0o600 });
    this.options = { ...options, key };
  }

  /** To be waited for before the fault begins: what it may break is asked once more. */
  async harmed(fault: Fault): Promise<void> {
    this.#harms.set(fault, Number.POSITIVE_INFINITY);
    await this.#excuse(one => fault.breaks(one, this.#movable.has(one.name)), fault.name);
  }

  mended(fault: Fault): void {
    this.#harms.set(fault, Date.now() + CALM_MS);
  }

  /** To be waited for before people end the sessions of a workspace. */
  async ended(name: string): Promise<void> {
    this.#changes.set(name, Date.now() + CALM_MS);
    await this.#excuse(one => one.name === name, 'it was stopped, started or deleted');
  }

  /** Opens those that are missing and may be expected to stay; each writes a line. */
  async openMissing(): Promise<void> {
    // Until nodes were heard by the next one, it tells what was.
    for (const [fault, until] of this.#harms) if (fault.what === CONTROLLER && until > Date.now()) return;
    const { items } = await this.options.client.list(WORKSPACE, { namespace: 'default' });
    const opened = items
      .filter(workspace => workspace.spec.driver !== 'memory' && isReady(workspace))
      .flatMap(workspace => WAYS.map(way => this.#openOne(workspace, way)));
    await Promise.all(opened);
  }

  /** For people: those that closed, or were not answered, before they had a reason to; asks those that have none yet. */
  async broken(): Promise<string[]> {
    await this.#ask(this.all.filter(({ excuse }) => !excuse));
    return [...this.#broken].map(String);
  }

  async end(): Promise<void> {
    await Promise.all(this.all.map(session => session.end()));
  }

  #open(): Session[] {
    return this.all.filter(({ closedAt }) => closedAt === undefined);
  }

  async #excuse(isHit: (session: Session) => boolean, why: string): Promise<void> {
    const hit = this.all.filter(one => !one.excuse && isHit(one));
    await this.#ask(hit);
    for (const session of hit) session.excuse ??= { why, at: Date.now() };
  }

  /** What gets a reason meanwhile need not answer. */
  async #ask(sessions: Session[]): Promise<void> {
    const ask = async (session: Session) => {
      const isAnswered = await session.tell(`asked ${this.#lines++}`);
      if (!isAnswered && !session.excuse) this.#broken.add(session);
    };
    await Promise.all(sessions.map(ask));
  }

  async #openOne(workspace: Workspace, way: Way): Promise<void> {
    const { name } = workspace.metadata;
    if (workspace.spec.onNodeLoss === 'Reschedule') this.#movable.add(name);
    const isThere = (one: Session) => one.name === name && one.way === way && !one.excuse;
    if (this.#open().some(isThere)) return;
    const probe = { name, way, node: workspace.status?.nodeName ?? '' } as Session;
    const now = Date.now();
    if ((this.#changes.get(name) ?? 0) > now) return;
    for (const [fault, until] of this.#harms)
      if (until > now && fault.breaks(probe, this.#movable.has(name))) return;
    const session = new Session({ ...this.options, workspace, way });
    this.all.push(session);
    await session.tell(`line ${this.#lines++} of ${way}`);
  }
}
