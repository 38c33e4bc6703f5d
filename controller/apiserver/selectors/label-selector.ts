import { badRequest } from '../refusals.ts';

export type Labels = Readonly<Record<string, string>> | undefined;
export type LabelMatcher = (labels: Labels) => boolean;

type Token = { text: string; at: number };

const everything: LabelMatcher = () => true;

/**
 * Parses a label selector, equality and set based: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>5`. Empty matches all.
 * Throws BadRequest with what was not understood.
 */
export function parseLabelSelector(text: string | null | undefined): LabelMatcher {
  if (!text?.trim()) return everything;
  const tokens = tokenize(text);
  const matchers: LabelMatcher[] = [];
  let i = 0;
  const fail = (why: string): never => {
    throw badRequest(`unable to parse requirement: ${why}`);
  };
  const word = (what: string): string => {
    const token = tokens[i++];
    if (!token || SYMBOLS.has(token.text)) return fail(`found '${token?.text ?? ''}', expected: ${what}`);
    return token.text;
  };
  const values = (): Set<string> => {
    if (tokens[i++]?.text !== '(') fail(`found '${tokens[i - 1]?.text ?? ''}', expected: '('`);
    const out = new Set<string>();
    for (;;) {
      if (tokens[i]?.text === ')' || tokens[i]?.text === ',') out.add('');
      else out.add(labelValue(word('identifier')));
      const next = tokens[i++]?.text;
      if (next === ')') return out;
      if (next !== ',') fail(`found '${next ?? ''}', expected: ',' or ')'`);
      if (tokens[i]?.text === ')') {
        out.add('');
        i++;
        return out;
      }
    }
  };
  while (i < tokens.length) {
    if (tokens[i]!.text === '!') {
      i++;
      const key = labelKey(word('identifier'));
      matchers.push(labels => !has(labels, key));
    } else {
      const key = labelKey(word('!, identifier'));
      const operator = tokens[i]?.text;
      if (operator === undefined || operator === ',') matchers.push(labels => has(labels, key));
      else {
        i++;
        matchers.push(requirement(key, operator, { values, one: () => readOne() }));
      }
    }
    if (i >= tokens.length) break;
    if (tokens[i]!.text !== ',')
      throw badRequest(`found '${tokens[i]!.text}', expected: ',' or 'end of string'`);
    i++;
    if (i >= tokens.length) fail("found '', expected: identifier after ','");
  }
  function readOne(): string {
    const token = tokens[i];
    if (!token || token.text === ',') return '';
    return labelValue(word('identifier'));
  }
  if (matchers.length === 1) return matchers[0]!;
  return labels => matchers.every(matches => matches(labels));
}

function requirement(
  key: string,
  operator: string,
  read: { values(): Set<string>; one(): string },
): LabelMatcher {
  switch (operator) {
    case '=':
    case '==': {
      const value = read.one();
      return labels => has(labels, key) && labels![key] === value;
    }
    case '!=': {
      const value = read.one();
      return labels => !has(labels, key) || labels![key] !== value;
    }
    case 'in': {
      const set = read.values();
      return labels => has(labels, key) && set.has(labels![key]!);
    }
    case 'notin': {
      const set = read.values();
      return labels => !has(labels, key) || !set.has(labels![key]!);
    }
    case '>':
    case '<': {
      const text = read.one();
      const bound = Number(text);
      if (!/^-?\d+$/.test(text))
        throw badRequest(
          `for 'Gt', 'Lt' operators, the value must be an integer, not ${JSON.stringify(text)}`,
        );
      return labels => {
        if (!has(labels, key) || !/^-?\d+$/.test(labels![key]!)) return false;
        const value = Number(labels![key]);
        return operator === '>' ? value > bound : value < bound;
      };
    }
    default:
      throw badRequest(
        `unable to parse requirement: found '${operator}', expected: in, notin, =, ==, !=, gt, lt`,
      );
  }
}

const has = (labels: Labels, key: string) => labels !== undefined && Object.hasOwn(labels, key);

const SYMBOLS = new Set(['(', ')', ',', '!', '=', '==', '!=', '<', '>']);
const TOKEN = /\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)\s*/gy;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw badRequest(`unable to parse requirement: ${text.slice(at)}`);
    tokens.push({ text: match[1]!, at });
  }
  return tokens;
}

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Whether `key` may be the key of a label or an annotation: `name` or `dns.prefix/name`. */
export function isQualifiedName(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash < 0) return NAME.test(key);
  return PREFIX.test(key.slice(0, slash)) && NAME.test(key.slice(slash + 1));
}

const QUALIFIED_NAME_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Why `name` is no qualified name, in Kubernetes' words. */
export function qualifiedNameFaults(name: string): string[] {
  if (isQualifiedName(name)) return [];
  const parts = name.split('/');
  if (parts.length > 2)
    return [
      `${QUALIFIED_NAME_RULE.replace('name part', 'a qualified name')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  return parts.at(-1) === '' ? ['name part must be non-empty', QUALIFIED_NAME_RULE] : [QUALIFIED_NAME_RULE];
}

/** Whether `value` may be the value of a label. */
export function isLabelValue(value: string): boolean {
  return value === '' || NAME.test(value);
}

function labelKey(key: string): string {
  if (!isQualifiedName(key)) throw badRequest(`unable to parse requirement: <nil>: Invalid value: "${key}"`);
  return key;
}

function labelValue(value: string): string {
  if (!isLabelValue(value))
    throw badRequest(`unable to parse requirement: values: Invalid value: "${value}"`);
  return value;
}
