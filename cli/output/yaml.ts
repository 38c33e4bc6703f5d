import { stringify } from 'yaml';

/** As kubectl writes it: no folding, no aliases. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
