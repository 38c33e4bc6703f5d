import { RE2JS } from 're2js';

/** A matcher of a pattern anywhere in a text. */
export type Matcher = (text: string) => boolean;

/** Steps that a backtracking engine may need at worst before the linear one is taken instead. */
const MAX_NATIVE_STEPS = 100_000;
const MAX_PATTERN_CHARS = 10_000;
const NON_ASCII = /[^\p{ASCII}]/u;

/** Go's \s; JavaScript's would match more. */
const SPACE = '\\t\\n\\f\\r ';

/**
 * Compiles a pattern in Go's (RE2) syntax, which is what CRDs and CEL use. Time is linear in the text: patterns that
 * JavaScript's own engine is sure to match fast run there, all others in RE2.
 * Throws an Error when the pattern is not one.
 */
export function compilePattern(pattern: string): Matcher {
  if (pattern.length > MAX_PATTERN_CHARS) throw new Error('the pattern is longer than 10000 characters');
  const linear = RE2JS.compile(pattern);
  const native = translate(pattern);
  if (!native) return text => linear.test(text);
  const { regexp, loops, wide } = native;
  const maxChars = Math.floor(MAX_NATIVE_STEPS ** (1 / Math.max(1, loops)));
  return text =>
    text.length <= maxChars && !(wide && NON_ASCII.test(text)) ? regexp.test(text) : linear.test(text);
}

interface Native {
  regexp: RegExp;
  /** The degree of the polynomial that bounds the steps in terms of the text's length. */
  loops: number;
  /** Holds `.` or a negated class, which see half a character where the other engine sees one. */
  wide: boolean;
}

/** The constructs that mean the same in both engines. */
const TOKEN =
  /(?<quantifier>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?<open>\((?:\?:)?(?!\?))|(?<close>\))|(?<or>\|)|(?<anchor>[\^$])|(?<dot>\.)|(?<set>\[\^?\]?(?:\\[\w\W]|[^\]\\[])*\])|(?<escape>\\(?:[dwstnfr]|[!-/:-@[-`{-~]))|(?<char>[ -'\-/,:->@A-Z_`a-z~!-#%&])/y;

/** The same pattern for JavaScript's engine; undefined when it holds anything but plain, polynomial constructs. */
function translate(pattern: string): Native | undefined {
  const state = new Translation();
  let end = 0;
  for (const match of pattern.matchAll(new RegExp(TOKEN, 'gy'))) {
    if (!state.take(match[0], match.groups ?? {})) return undefined;
    end = match.index + match[0].length;
  }
  if (end !== pattern.length || state.depth !== 1) return undefined;
  const loops = state.loops + (pattern.startsWith('^') ? 0 : 1);
  try {
    return { regexp: new RegExp(state.out), loops, wide: state.wide };
  } catch {
    return undefined;
  }
}

class Translation {
  out = '';
  loops = 0;
  wide = false;
  /** The groups that are open: whether each holds a quantifier or an alternative. To repeat that could take exponential time. */
  readonly #complex: boolean[] = [false];
  /** What a quantifier would repeat. */
  #last: 'atom' | 'complex' | 'nothing' = 'nothing';

  get depth(): number {
    return this.#complex.length;
  }

  /** Takes the next construct; false when it cannot be taken. */
  take(text: string, kind: Readonly<Record<string, string | undefined>>): boolean {
    if (kind.quantifier) return this.#repeat(text);
    if (kind.close) return this.#close();
    if (kind.open) this.#complex.push(false);
    if (kind.or) this.#mark();
    if (kind.dot || text.startsWith('[^')) this.wide = true;
    const translated = kind.dot
      ? '[^\\n]'
      : kind.set
        ? characterClass(text)
        : text === '\\s'
          ? `[${SPACE}]`
          : text;
    if (translated === undefined) return false;
    this.out += translated;
    this.#last = kind.open || kind.or || kind.anchor ? 'nothing' : 'atom';
    return true;
  }

  #mark(): void {
    this.#complex[this.#complex.length - 1] = true;
  }

  #repeat(quantifier: string): boolean {
    const [min, max] = bounds(quantifier);
    if (this.#last === 'nothing' || (max > 1 && this.#last === 'complex')) return false;
    if (max > 1 && max !== min) this.loops++;
    this.#mark();
    this.out += quantifier;
    this.#last = 'nothing';
    return true;
  }

  #close(): boolean {
    const complex = this.#complex.pop();
    if (this.#complex.length === 0) return false;
    if (complex) this.#mark();
    this.out += ')';
    this.#last = complex ? 'complex' : 'atom';
    return true;
  }
}

/** A class whose parts mean the same in both engines, else undefined. */
function characterClass(text: string): string | undefined {
  if (NON_ASCII.test(text) || /^\[\^?\]/.test(text) || text.includes('[:')) return undefined;
  if (/\\(?![dwstnfr\]\\^[\-./@:+*?$(){}|,=~#%&!"'<>;])/.test(text.replaceAll('\\\\', ''))) return undefined;
  return text.replace(/\\([\w\W])/g, (whole, char: string) => (char === 's' ? SPACE : whole));
}

function bounds(quantifier: string): [min: number, max: number] {
  if (quantifier[0] === '*') return [0, Number.POSITIVE_INFINITY];
  if (quantifier[0] === '+') return [1, Number.POSITIVE_INFINITY];
  if (quantifier[0] === '?') return [0, 1];
  const [, min, comma, max] = /^\{(\d+)(,?)(\d*)\}/.exec(quantifier) ?? [];
  const low = Number(min);
  return [low, comma ? (max ? Number(max) : Number.POSITIVE_INFINITY) : low];
}
