interface Run {
  uid: string;
  node: string;
  /** Of the engine's. */
  instance: string;
  from: number;
  to?: number;
}

/** When which workspace ran where, as the engines tell it. Moments are milliseconds since the epoch. */
export class History {
  readonly #runs: Run[] = [];

  started(node: string, uid: string, instance: string, at: number): void {
    if (!this.#open(node, instance)) this.#runs.push({ uid, node, instance, from: at });
  }

  ended(node: string, instance: string, at: number): void {
    const run = this.#open(node, instance);
    if (run) run.to = at;
  }

  /** The machine lost its power. */
  allEnded(node: string, at: number): void {
    for (const run of this.#runs) if (run.node === node) run.to ??= at;
  }

  get count(): number {
    return this.#runs.length;
  }

  /** How many were seen on a node. */
  countOn(node: string): number {
    return this.#runs.filter(run => run.node === node).length;
  }

  /** For people: what ran while the same workspace ran elsewhere, or in another instance. */
  overlaps(): string[] {
    return this.#runs.flatMap((a, i) =>
      this.#runs
        .slice(i + 1)
        .filter(b => a.uid === b.uid && a.from < (b.to ?? Infinity) && b.from < (a.to ?? Infinity))
        .map(b => `${tell(a)} and ${tell(b)}`),
    );
  }

  #open(node: string, instance: string): Run | undefined {
    return this.#runs.find(run => run.node === node && run.instance === instance && run.to === undefined);
  }
}

function tell({ uid, node, instance, from, to }: Run): string {
  const moment = (at: number) => new Date(at).toISOString().slice(11, -1);
  return `${uid} on ${node} as ${instance.slice(0, 12)} ${moment(from)}-${to === undefined ? 'now' : moment(to)}`;
}
