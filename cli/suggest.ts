/** Of `known`, what `word` was probably meant to be; undefined where none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = word.length < 3 ? 0 : word.length < 4 ? 1 : word.length < 8 ? 2 : 3;
  for (const candidate of known) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits > least || (edits === least && best !== undefined)) continue;
    // Nothing of the word would be left.
    if (edits >= candidate.length) continue;
    best = candidate;
    least = edits;
  }
  return best ?? [...known].find(candidate => word.length > 2 && candidate.startsWith(word));
}

/** What is added to a sentence about `word`: `; did you mean --output?`, or nothing. */
export function didYouMean(word: string, all: Iterable<string>, before = ''): string {
  const found = nearest(word, all);
  return found === undefined ? '' : `; did you mean ${before}${found}?`;
}

/** Letters to add, drop, exchange or swap with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [[...Array(b.length + 1).keys()]];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      (rows[i] as number[])[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (isSame ? 0 : 1),
        isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}
