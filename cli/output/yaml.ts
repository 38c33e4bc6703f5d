import { stringify } from 'yaml';

/** As kubectl writes it: no folding, no aliases. `sorted`: keys by name, so that two texts can be compared. */
export function toYaml(value: unknown, options: { sorted?: boolean } = {}): string {
  const { sorted = false } = options;
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, sortMapEntries: sorted });
}
