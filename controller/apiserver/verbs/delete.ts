import type { KubeObject } from '../../../crds/object.ts';
import { timestamp } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { type Entry, StoreError } from '../../store/store.ts';
import type { ApiContext, ApiRequest, ObjectAnswer, View } from '../context.ts';
import { conflict, methodNotAllowed, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { type DeleteOptions, type PropagationPolicy, parseDeleteOptions } from './delete-options.ts';
import { matching, parseListQuery } from './list-query.ts';
import { isReleased, toStored } from './save.ts';
import { fromStoreError } from './store-errors.ts';
import { answerOf, copyOf, viewOf, viewOfObject } from './view.ts';

/** Deletes that name no version are tried again this often when somebody else was faster. */
const ATTEMPTS = 10;
/** Deletes of a collection that wait for the disk together. */
const AT_ONCE = 64;
const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

/** What a delete came to. */
interface Deletion {
  /** If not, the object is marked, and finalizers hold it. */
  readonly gone: boolean;
  readonly uid: string;
  readonly view: View;
}

/** DELETE of an object. Answers a Status when it is gone, the object when finalizers hold it. */
export async function deleteObject(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const options = parseDeleteOptions(context, request);
  if (request.target.subresource) throw methodNotAllowed();
  const { resource } = request.served;
  const { namespace, name } = request.target;
  const deletion = await deleteOne(context, request, keyOf(resource, namespace, name), options);
  if (!deletion.gone) return answerOf(deletion.view);
  const details = {
    name,
    ...(resource.group && { group: resource.group }),
    kind: resource.plural,
    uid: deletion.uid,
  };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return answerOf(viewOfObject(status as unknown as KubeObject));
}

/** DELETE of a collection: every object that matches, each for itself. Answers with the list of them, as they were. */
export async function deleteCollection(context: ApiContext, request: ApiRequest): Promise<string> {
  const options = parseDeleteOptions(context, request);
  const { served } = request;
  const query = parseListQuery(request);
  const { entries, revision } = matching(context, request, query);
  const deleted: string[] = [];
  for (let i = 0; i < entries.length; i += AT_ONCE) {
    const chunk = entries.slice(i, i + AT_ONCE);
    const gone = await Promise.all(chunk.map(entry => deleteIfThere(context, request, entry.key, options)));
    chunk.forEach((entry, at) => {
      if (gone[at]) deleted.push(viewOf(entry, served).json);
    });
  }
  return `{"kind":"${served.listKind}","apiVersion":"${served.apiVersion}","metadata":{"resourceVersion":"${revision}"},"items":[${deleted.join(',')}]}`;
}

/** False when somebody else was faster. */
async function deleteIfThere(
  context: ApiContext,
  request: ApiRequest,
  key: string,
  options: DeleteOptions,
): Promise<boolean> {
  try {
    await deleteOne(context, request, key, options);
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

async function deleteOne(
  context: ApiContext,
  request: ApiRequest,
  key: string,
  options: DeleteOptions,
): Promise<Deletion> {
  const { resource } = request.served;
  for (let attempt = 1; ; attempt++) {
    const live = context.store.get(key);
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (!live) throw notFound(resource, name);
    checkPreconditions(request, live, options);
    try {
      return await deleteOnce(context, request, live, options);
    } catch (error) {
      const raced = error instanceof StoreError && (error.code === 'Conflict' || error.code === 'NotFound');
      if (!raced || attempt === ATTEMPTS) throw fromStoreError(error, resource, name);
    }
  }
}

async function deleteOnce(
  context: ApiContext,
  request: ApiRequest,
  live: Entry,
  options: DeleteOptions,
): Promise<Deletion> {
  const { served, user } = request;
  const { store, admission, clock } = context;
  const before = viewOf(live, served);
  const { name, namespace = '', uid = '' } = before.object.metadata;
  admission.admit({
    operation: 'DELETE',
    served,
    subresource: '',
    namespace,
    name,
    old: before.object,
    user,
  });
  const marked = copyOf(before);
  const { metadata } = marked;
  const finalizers = finalizersFor(metadata.finalizers ?? [], options.propagationPolicy);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  if (!metadata.deletionTimestamp) {
    metadata.deletionTimestamp = timestamp(clock.now());
    metadata.deletionGracePeriodSeconds = 0;
    if (metadata.generation !== undefined) metadata.generation++;
    served.strategy.markDeleted?.(marked);
  }
  if (isReleased(marked, served)) {
    if (options.dryRun) return { gone: true, uid, view: before };
    const last = await store.delete(live.key, live.revision);
    return { gone: true, uid, view: viewOf(last, served) };
  }
  if (options.dryRun || jsonEqual(marked, before.object))
    return { gone: false, uid, view: viewOfObject(marked) };
  const entry = await store.update(live.key, toStored(marked, served), live.revision);
  return { gone: false, uid, view: viewOf(entry, served) };
}

/** What the garbage collector has to do first is written down as a finalizer. */
function finalizersFor(finalizers: readonly string[], policy: PropagationPolicy | undefined): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter(finalizer => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  if (policy === 'Foreground') return [...others, FOREGROUND];
  return policy === 'Orphan' ? [...others, ORPHAN] : others;
}

function checkPreconditions({ served }: ApiRequest, live: Entry, options: DeleteOptions): void {
  const { resource } = served;
  const { name, uid = '', resourceVersion = '' } = live.object.metadata;
  // Told of the kind, not of the resource: that is how Kubernetes has it.
  const subject = { ...resource, plural: resource.kind };
  const check = (field: string, wanted: string | undefined, is: string, why: string) => {
    if (wanted === undefined || wanted === is) return;
    const sentence = `the ${field} in the precondition (${wanted}) does not match the ${field} in record (${is}). The object might have been ${why}`;
    throw conflict(subject, name, sentence);
  };
  check('UID', options.uid, uid, 'deleted and then recreated');
  check('ResourceVersion', options.resourceVersion, resourceVersion, 'modified');
}
