import type { KubeObject } from '../../../crds/object.ts';
import type { ServedResource } from '../registry/served-resource.ts';

/** An object and its JSON, which are the same thing. */
export interface View {
  readonly object: KubeObject;
  readonly json: string;
}

/**
 * What is stored, in the version that is served. Versions differ in their name alone (conversion None, but for Events), so
 * most of the time that is the stored JSON as it is. Objects are written with apiVersion first, see asObject.
 */
export function viewOf(stored: View, served: ServedResource): View {
  if (stored.json.startsWith(`{"apiVersion":"${served.apiVersion}"`)) return stored;
  return viewOfObject(
    served.form?.fromStored(stored.object) ?? { ...stored.object, apiVersion: served.apiVersion },
  );
}

export function viewOfObject(object: KubeObject): View {
  return { object, json: JSON.stringify(object) };
}

/** A copy that may be changed. */
export function copyOf({ json }: View): KubeObject {
  return JSON.parse(json) as KubeObject;
}

/** What a request is answered with. Members one by one: an entry's are getters, which a spread would lose. */
export function answerOf({ object, json }: View, code = 200): View & { readonly code: number } {
  return { code, object, json };
}
