import type { Node, Placement } from '../../../crds/types.generated.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import {
  claimOf,
  claimsOf,
  effective,
  type Holding,
  isOvertaken,
  union,
  type Written,
  writtenOf,
} from './claims.ts';
import { type Amounts, type PortRange, portRanges } from './requests.ts';
import type { Candidate, NodeLoad } from './schedule.ts';

/** How long a port that an agent found taken is given out only when no other is left. */
const CONFLICT_MEMORY_MS: Milliseconds = 600_000;

interface Books {
  node?: Node;
  ranges: { ssh: PortRange; services: PortRange };
  amounts: Amounts;
  workspaces: number;
  /** How many of them are of each namespace. */
  namespaces: Map<string, number>;
  /** Who has a port. More than one only after two controllers wrote at once. */
  ports: Map<number, Set<string>>;
  /** Ports of the ranges that somebody has. */
  sshPorts: number;
  servicePorts: number;
  /** Ports that something else on the node holds, until when that is believed. */
  conflicts: Map<number, Milliseconds>;
}

/**
 * What is given out on every node, kept as placements change: the one place where nodes and ports are decided. It holds
 * nothing that cannot be rebuilt from the API: `observe` is fed by the placements' cache, and `assume` bridges the time
 * between a decision and its sight in that cache, so that a stale cache never gives a port away twice. Every method is
 * synchronous; deciding and assuming without an await in between is what makes them exclusive.
 */
export class NodeLedger {
  readonly #clock: Clock;
  readonly #books = new Map<string, Books>();
  readonly #holdings = new Map<string, Holding>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The node as it is now; undefined when it is gone. What is placed on it stays in the books. */
  setNode(name: string, node: Node | undefined): void {
    const books = this.#booksOf(name);
    books.node = node;
    const ranges = portRanges(node);
    if (!sameRange(ranges.ssh, books.ranges.ssh) || !sameRange(ranges.services, books.ranges.services)) {
      books.ranges = ranges;
      books.sshPorts = 0;
      books.servicePorts = 0;
      for (const port of books.ports.keys()) count(books, port, 1);
    }
    this.#dropEmpty(name, books);
  }

  /** A placement was added, changed (`now`) or went away (only `old`). */
  observe(old: Placement | undefined, now: Placement | undefined): void {
    if (old && (!now || ownerOf(old) !== ownerOf(now))) {
      const isOther = (written: Written | undefined) => written?.uid !== old.metadata.uid;
      const held = this.#holdings.get(ownerOf(old));
      if (held)
        this.#set(ownerOf(old), {
          ...held,
          cached: isOther(held.cached) ? held.cached : undefined,
          confirmed: isOther(held.confirmed) ? held.confirmed : undefined,
        });
    }
    if (!now) return;
    const owner = ownerOf(now);
    const held = this.#holdings.get(owner);
    const cached = writtenOf(now);
    this.#set(owner, {
      node: now.spec.nodeName,
      namespace: now.spec.workspace.namespace,
      since: Date.parse(now.metadata.creationTimestamp ?? '') || 0,
      cached,
      confirmed: isOvertaken(held?.confirmed, cached) ? undefined : held?.confirmed,
      assumed: held?.assumed,
    });
    const conflicts = now.status?.portConflicts;
    if (conflicts?.length) {
      const until = this.#clock.now() + CONFLICT_MEMORY_MS;
      for (const port of conflicts) this.#booksOf(now.spec.nodeName).conflicts.set(port, until);
    }
  }

  /** Sets aside what is about to be written. */
  assume(placement: Placement): void {
    const owner = ownerOf(placement);
    const held = this.#holdings.get(owner);
    this.#set(owner, {
      since: Number.POSITIVE_INFINITY,
      ...held,
      node: placement.spec.nodeName,
      namespace: placement.spec.workspace.namespace,
      // An earlier write may have come true though its answer was lost.
      assumed: union([claimOf(placement), ...(held?.assumed ? [held.assumed] : [])]),
    });
  }

  /** The write was acknowledged: it counts until the cache shows this generation or a later one. */
  confirm(placement: Placement): void {
    const held = this.#holdings.get(ownerOf(placement));
    if (!held) return;
    const confirmed = writtenOf(placement);
    const isSeen = isOvertaken(confirmed, held.cached);
    this.#set(ownerOf(placement), { ...held, assumed: undefined, confirmed: isSeen ? undefined : confirmed });
  }

  /** The write was refused: what was there before is what counts. */
  forget(workspaceUid: string, node: string): void {
    const owner = `${workspaceUid}@${node}`;
    const held = this.#holdings.get(owner);
    if (held?.assumed) this.#set(owner, { ...held, assumed: undefined });
  }

  /** Nodes that are there, with what they have given out and how many workspaces of `namespace` they have. */
  *candidates(namespace = ''): Generator<Candidate> {
    for (const books of this.#books.values())
      if (books.node)
        yield {
          node: books.node,
          load: this.#loadOf(books),
          neighbours: books.namespaces.get(namespace) ?? 0,
        };
  }

  /** `excluding`: without what this workspace has there. */
  load(node: string, excluding?: string): NodeLoad {
    const load = this.#loadOf(this.#booksOf(node));
    const held = excluding && this.#holdings.get(`${excluding}@${node}`);
    if (held) {
      subtract(load, effective(held));
      load.workspaces--;
    }
    return load;
  }

  node(name: string): Node | undefined {
    return this.#books.get(name)?.node;
  }

  /** Whether another workspace has the port, or an agent found it taken lately. */
  isTaken(node: string, port: number, workspaceUid: string): boolean {
    return this.isHeld(node, port, workspaceUid) || this.isConflicted(node, port);
  }

  /** Whether another workspace has the port. */
  isHeld(node: string, port: number, workspaceUid: string): boolean {
    const users = this.#books.get(node)?.ports.get(port);
    if (!users) return false;
    return users.size > 1 || !users.has(`${workspaceUid}@${node}`);
  }

  isConflicted(node: string, port: number): boolean {
    const conflicts = this.#books.get(node)?.conflicts;
    const until = conflicts?.get(port);
    if (until === undefined) return false;
    if (until > this.#clock.now()) return true;
    conflicts?.delete(port);
    return false;
  }

  /** Whether an older placement has this port too, so that this workspace must give it up. */
  isLost(node: string, port: number, workspaceUid: string): boolean {
    const owner = `${workspaceUid}@${node}`;
    const mine = this.#holdings.get(owner)?.since ?? Number.POSITIVE_INFINITY;
    for (const other of this.#books.get(node)?.ports.get(port) ?? []) {
      if (other === owner) continue;
      const since = this.#holdings.get(other)?.since ?? Number.POSITIVE_INFINITY;
      if (since < mine || (since === mine && other < owner)) return true;
    }
    return false;
  }

  /** Workspaces that have a port in common with another one on the node. */
  sharers(node: string, ports: Iterable<number>): Set<string> {
    const found = new Set<string>();
    for (const port of ports) {
      const users = this.#books.get(node)?.ports.get(port);
      if (users && users.size > 1) for (const user of users) found.add(user.slice(0, user.lastIndexOf('@')));
    }
    return found;
  }

  #loadOf(books: Books): NodeLoad {
    const { amounts, workspaces, sshPorts, servicePorts } = books;
    return { ...amounts, workspaces, sshPorts, servicePorts };
  }

  #set(owner: string, holding: Holding): void {
    const before = this.#holdings.get(owner);
    if (before) this.#account(owner, before, -1);
    if (claimsOf(holding).length > 0) {
      this.#holdings.set(owner, holding);
      this.#account(owner, holding, 1);
    } else this.#holdings.delete(owner);
    if (before) this.#dropEmpty(before.node, this.#booksOf(before.node));
  }

  #account(owner: string, holding: Holding, sign: 1 | -1): void {
    const books = this.#booksOf(holding.node);
    const claim = effective(holding);
    books.workspaces += sign;
    const neighbours = (books.namespaces.get(holding.namespace) ?? 0) + sign;
    if (neighbours > 0) books.namespaces.set(holding.namespace, neighbours);
    else books.namespaces.delete(holding.namespace);
    books.amounts.cpuMillis += sign * claim.cpuMillis;
    books.amounts.memoryBytes += sign * claim.memoryBytes;
    books.amounts.diskBytes += sign * claim.diskBytes;
    for (const port of claim.ports) {
      const users = books.ports.get(port) ?? new Set();
      if (sign === 1) users.add(owner);
      else users.delete(owner);
      if (sign === 1 && users.size === 1) {
        books.ports.set(port, users);
        count(books, port, 1);
      } else if (users.size === 0) {
        books.ports.delete(port);
        count(books, port, -1);
      }
    }
  }

  #booksOf(name: string): Books {
    let books = this.#books.get(name);
    if (!books) {
      books = {
        ranges: portRanges(undefined),
        amounts: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
        workspaces: 0,
        namespaces: new Map(),
        ports: new Map(),
        sshPorts: 0,
        servicePorts: 0,
        conflicts: new Map(),
      };
      this.#books.set(name, books);
    }
    return books;
  }

  #dropEmpty(name: string, books: Books): void {
    if (!books.node && books.workspaces === 0) this.#books.delete(name);
  }
}

function ownerOf(placement: Placement): string {
  return `${placement.spec.workspace.uid}@${placement.spec.nodeName}`;
}

function count(books: Books, port: number, by: 1 | -1): void {
  if (isIn(books.ranges.ssh, port)) books.sshPorts += by;
  if (isIn(books.ranges.services, port)) books.servicePorts += by;
}

function subtract(load: Amounts, claim: Amounts): void {
  load.cpuMillis -= claim.cpuMillis;
  load.memoryBytes -= claim.memoryBytes;
  load.diskBytes -= claim.diskBytes;
}

const isIn = (range: PortRange, port: number) => port >= range.from && port <= range.to;

const sameRange = (a: PortRange, b: PortRange) => a.from === b.from && a.to === b.to;
