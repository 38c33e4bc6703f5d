import { stringify } from 'yaml';

/** As kubectl writes it: keys by name, no folding, no aliases. */
export function toYaml(value: unknown): string {
  return stringify(value, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    sortMapEntries: true,
    indentSeq: false,
  });
}
