import type { KubeObject } from '../../../crds/object.ts';
import { badRequest } from '../refusals.ts';

/** A field that may be selected on: gives the value as text, empty when absent. */
export type FieldReader = (object: KubeObject) => string;
export type FieldLabels = ReadonlyMap<string, FieldReader>;

export interface FieldSelector {
  matches(object: KubeObject): boolean;
  /** The name that `metadata.name=` asks for: only that object can match. */
  readonly name?: string;
  readonly namespace?: string;
  readonly empty: boolean;
}

const EVERYTHING: FieldSelector = { matches: () => true, empty: true };

export const METADATA_FIELDS: FieldLabels = new Map<string, FieldReader>([
  ['metadata.name', object => object.metadata.name],
  ['metadata.namespace', object => object.metadata.namespace ?? ''],
]);

/** Parses `a=b,c==d,e!=f`. Throws BadRequest for what is not understood and for fields that are not in `labels`. */
export function parseFieldSelector(text: string | null | undefined, labels: FieldLabels): FieldSelector {
  if (!text?.trim()) return EVERYTHING;
  let name: string | undefined;
  let namespace: string | undefined;
  const terms = parseTerms(text).map(({ field, operator, value }) => {
    const read = labels.get(field);
    if (!read) throw badRequest(`field label not supported: ${field}`);
    if (operator === '!=') return (object: KubeObject) => read(object) !== value;
    if (field === 'metadata.name') name = value;
    if (field === 'metadata.namespace') namespace = value;
    return (object: KubeObject) => read(object) === value;
  });
  return {
    matches: object => terms.every(matches => matches(object)),
    empty: false,
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
  };
}

/** The name that a selector asks for, whatever else it does; empty when it asks for none or is not understood. */
export function selectedName(text: string | null | undefined): string {
  if (!text?.includes('metadata.name')) return '';
  try {
    const term = parseTerms(text).find(one => one.field === 'metadata.name' && one.operator !== '!=');
    return term?.value ?? '';
  } catch {
    return '';
  }
}

interface Term {
  readonly field: string;
  readonly operator: '=' | '==' | '!=';
  readonly value: string;
}

function parseTerms(text: string): Term[] {
  return splitTerms(text).map(term => {
    const match = /^([^=!]*)(==|!=|=)(.*)$/s.exec(term);
    if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = '', operator, raw = ''] = match;
    const value = raw.replace(/\\([\\,=])/g, '$1');
    return { field: field.trim(), operator: operator as Term['operator'], value };
  });
}

/** At commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length) term += text[i]! + text[++i]!;
    else if (text[i] === ',') {
      terms.push(term);
      term = '';
    } else term += text[i];
  }
  terms.push(term);
  return terms.filter(part => part !== '');
}
