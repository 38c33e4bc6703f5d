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

interface Group {
  /** A quantifier or an alternative within: to repeat it could take exponential time. */
  complex: boolean;
}

/** The same pattern for JavaScript's engine; undefined when it holds anything but plain, polynomial constructs. */
function translate(pattern: string): Native | undefined {
  let out = '';
  let loops = pattern.startsWith('^') ? 0 : 1;
  let wide = false;
  const open: Group[] = [{ complex: false }];
  const top = () => open[open.length - 1] as Group;
  /** Whether the thing just read may be repeated cheaply. */
  let last: 'atom' | 'complex' | 'none' = 'none';
  for (let i = 0; i < pattern.length; ) {
    const rest = pattern.slice(i);
    let match: RegExpMatchArray | null;
    if ((match = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(rest))) {
      if (last === 'none') return undefined;
      const [min, max] = bounds(match[0]);
      if (max > 1 && last === 'complex') return undefined;
      if (max > 1 && max !== min) loops++;
      top().complex = true;
      out += match[0];
      last = 'none';
    } else if ((match = /^\((?:\?:)?(?!\?)/.exec(rest))) {
      out += match[0];
      open.push({ complex: false });
      last = 'none';
    } else if (rest.startsWith(')')) {
      const group = open.pop();
      if (!group || open.length === 0) return undefined;
      if (group.complex) top().complex = true;
      out += ')';
      match = [')'];
      last = group.complex ? 'complex' : 'atom';
    } else if ((match = /^\|/.exec(rest))) {
      top().complex = true;
      out += '|';
      last = 'none';
    } else if ((match = /^[\^$]/.exec(rest))) {
      out += match[0];
      last = 'none';
    } else if ((match = /^\./.exec(rest))) {
      out += '[^\\n]';
      wide = true;
      last = 'atom';
    } else if ((match = /^\[\^?\]?(?:\\[\w\W]|[^\]\\[])*\]/.exec(rest))) {
      const translated = characterClass(match[0]);
      if (translated === undefined) return undefined;
      if (match[0].startsWith('[^')) wide = true;
      out += translated;
      last = 'atom';
    } else if ((match = /^\\(?:[dw]|s|[tnfr]|[!-/:-@[-`{-~])/.exec(rest))) {
      out += match[0] === '\\s' ? `[${SPACE}]` : match[0];
      last = 'atom';
    } else if ((match = /^[ -~]/.exec(rest)) && !/[\\[\]{}()*+?]/.test(match[0])) {
      out += match[0];
      last = 'atom';
    } else return undefined;
    i += match[0].length;
  }
  if (open.length !== 1) return undefined;
  try {
    return { regexp: new RegExp(out), loops, wide };
  } catch {
    return undefined;
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
