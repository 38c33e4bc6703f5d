interface Run {
  uid: string;
  node: string;
  from: number;
  to?: number;
}

/** When which workspace ran where, as the engines tell it. Moments are milliseconds since the epoch. */
export class History {
  readonly #runs: Run[] = [];

  started(node: string, uid: string, at: number): void {
    if (!this.#open(node, uid)) this.#runs.push({ uid, node, from: at });
  }

  ended(node: string, uid: string, at: number): void {
    const run = this.#open(node, uid);
    if (run) run.to = at;
  }

  /** The machine lost its power. */
  allEnded(node: string, at: number): void {
    for (const run of this.#runs) if (run.node === node) run.to ??= at;
  }

  get count(): number {
    return this.#runs.length;
  }

  /** Where it was seen to run, in order. */
  nodesOf(uid: string): string[] {
    return this.#runs.filter(run => run.uid === uid).map(({ node }) => node);
  }

  /** For people: what ran while the same ran elsewhere. */
  overlaps(): string[] {
    return this.#runs.flatMap((a, i) =>
      this.#runs
        .slice(i + 1)
        .filter(b => a.uid === b.uid && a.from < (b.to ?? Infinity) && b.from < (a.to ?? Infinity))
        .map(b => `${tell(a)} and ${tell(b)}`),
    );
  }

  #open(node: string, uid: string): Run | undefined {
    return this.#runs.find(run => run.node === node && run.uid === uid && run.to === undefined);
  }
}

function tell({ uid, node, from, to }: Run): string {
  const moment = (at: number) => new Date(at).toISOString().slice(11, -1);
  return `${uid} on ${node} ${moment(from)}-${to === undefined ? 'now' : moment(to)}`;
}
