import type { KubeObject } from '../../../crds/object.ts';
import type { ObjectAnswer, View } from '../context.ts';
import type { ServedResource } from '../registry/served-resource.ts';

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

/** What a request is answered with. */
export function answerOf(view: View, code = 200): ObjectAnswer {
  return { code, view };
}
