import { parse } from 'yaml';
import { readShipped } from '../../../controller/kit/program.ts';
import { usageError } from '../../errors.ts';

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
}

/** The schema of Workspace.spec, from the definition that ships with the program. */
function specSchema(): Schema {
  const crd = parse(readShipped('crds/workspace.yaml'), { merge: true }) as {
    spec: { versions: { schema: { openAPIV3Schema: Schema } }[] };
  };
  return crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.spec ?? {};
}

/**
 * The spec with each `PATH=VALUE` set: `resources.disk=20Gi`, `services.web.port=4000`, `lifecycle.preStart=npm ci`. An
 * element of a list is named by its name, or by its number. Values are read as the field's type asks. Throws CliError.
 */
export function setPaths<T extends object>(spec: T, settings: readonly string[]): T {
  if (settings.length === 0) return spec;
  const schema = specSchema();
  const copy = structuredClone(spec) as Record<string, unknown>;
  for (const setting of settings) {
    const at = setting.indexOf('=');
    const path = setting.slice(0, at).replace(/^spec\./, '');
    if (at < 1) throw usageError(`--set ${setting} has no value`, '--set resources.disk=20Gi');
    const steps = path.replaceAll(/\[([^\]]*)\]/g, '.$1').split('.');
    setOne(copy, steps, { schema, path, text: setting.slice(at + 1) });
  }
  return copy as T;
}

interface Setting {
  schema: Schema;
  path: string;
  text: string;
}

function setOne(spec: Record<string, unknown>, steps: string[], setting: Setting): void {
  let schema = setting.schema;
  let here: Record<string, unknown> | unknown[] = spec;
  for (const [depth, step] of steps.entries()) {
    const inner = below(schema, step, setting, steps.slice(0, depth));
    const key: string | number = Array.isArray(here) ? placeOf(here, step, setting) : step;
    const holder = here as Record<string | number, unknown>;
    if (depth === steps.length - 1) holder[key] = readValue(inner, setting);
    else {
      holder[key] ??= inner.type === 'array' ? [] : {};
      here = holder[key] as Record<string, unknown>;
    }
    schema = inner;
  }
}

function below(schema: Schema, step: string, { path }: Setting, above: string[]): Schema {
  if (schema.type === 'array') return schema.items ?? {};
  const inner = schema.properties?.[step] ?? (step === '' ? undefined : schema.additionalProperties);
  if (inner) return inner;
  const where = above.length === 0 ? 'a workspace' : above.join('.');
  const known = Object.keys(schema.properties ?? {});
  throw usageError(
    `--set ${path}: ${where} has no field "${step}"`,
    known.length > 0 ? `one of ${known.join(', ')}` : `nexus explain ws.spec.${above.join('.')}`,
  );
}

/** Where in a list; one that is named and not there yet comes last. */
function placeOf(list: unknown[], step: string, { path }: Setting): number {
  const named = list.findIndex(one => (one as { name?: string } | null)?.name === step);
  if (named >= 0) return named;
  if (/^\d+$/.test(step)) {
    if (Number(step) > list.length)
      throw usageError(`--set ${path}: the list has ${list.length} elements`, 'they are counted from 0');
    return Number(step);
  }
  list.push({ name: step });
  return list.length - 1;
}

function readValue(schema: Schema, { path, text }: Setting): unknown {
  const wrong = (what: string) => usageError(`--set ${path}: "${text}" is no ${what}`);
  switch (schema.type) {
    case 'string':
      return text;
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw wrong('yes or no: true, false');
      return text === 'true';
    case 'integer':
      if (!/^-?\d{1,15}$/.test(text)) throw wrong('whole number');
      return Number(text);
    case 'number':
      if (text.trim() === '' || Number.isNaN(Number(text))) throw wrong('number');
      return Number(text);
    default:
      try {
        return parse(text);
      } catch {
        throw wrong('YAML');
      }
  }
}
