import { stringify } from 'yaml';

const OPTIONS = {
  lineWidth: 0,
  aliasDuplicateObjects: false,
  sortMapEntries: true,
  indentSeq: false,
} as const;

/** As kubectl writes it: keys by name, no folding, no aliases. */
export function toYaml(value: unknown): string {
  const text = stringify(value, OPTIONS);
  if (!CONTROLS.test(text)) return text;
  // The library writes these as they are, which is no YAML and which some terminals obey.
  const quoted = { ...OPTIONS, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' } as const;
  return stringify(value, quoted).replaceAll(
    new RegExp(CONTROLS, 'g'),
    character => `\\x${character.charCodeAt(0).toString(16)}`,
  );
}

const CONTROLS = /[\u007f-\u009f]/;
