import { ANNOTATION_FORCE_DELETE, LABEL_USER } from '../../../crds/names.ts';
import type { Condition } from '../../../crds/object.ts';
import type { User, UserStatus } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { type NewCondition, setCondition } from '../../runtime/conditions.ts';
import { type JudgedKeys, mayLogIn } from './user-keys.ts';

export interface UserFindings {
  keys: JudgedKeys;
  /** Whether the namespace of that name is the user's. */
  namespace: 'ours' | 'taken' | 'ending';
  /** Of a user that is being deleted: workspaces that are still in the namespace. */
  workspaces?: string[];
}

/** How many names a message holds. */
const NAMES = 5;

/** What the controller made of a user. Pure. */
export function userStatus(user: User, findings: UserFindings, nowMs: Milliseconds): UserStatus {
  const { keys, namespace } = findings;
  const good = mayLogIn(user) && namespace === 'ours' ? keys.good : [];
  const conditions = setCondition(
    user.status?.conditions as Condition[] | undefined,
    readyCondition(user, findings),
    nowMs,
  );
  return {
    observedGeneration: user.metadata.generation ?? 0,
    ...(namespace === 'ours' && { namespace: user.metadata.name }),
    keys: good.length,
    ...(good.length > 0 && {
      sshKeys: good.map(({ name, type, fingerprint }) => ({ name, type, fingerprint })),
    }),
    conditions,
  };
}

function readyCondition(user: User, { keys, namespace, workspaces }: UserFindings): NewCondition {
  const { name, generation } = user.metadata;
  const not = (reason: string, message: string): NewCondition => ({
    type: 'Ready',
    status: 'False',
    observedGeneration: generation ?? 0,
    reason,
    message,
  });
  if (user.metadata.deletionTimestamp)
    return workspaces?.length
      ? not('WorkspacesRemain', remain(name, workspaces))
      : not('Deleting', 'The user and the namespace are being removed.');
  if (user.spec.suspended) return not('Suspended', 'The user has no rights and no key logs in, as declared.');
  if (namespace === 'ending')
    return not('Progressing', `The namespace ${name} is being removed; a new one is made then.`);
  if (namespace === 'taken')
    return not(
      'NamespaceTaken',
      `The namespace ${name} was there before and is nobody's. To give it to the user: kubectl label namespace ${name} ${LABEL_USER}=${name}`,
    );
  const [taken] = keys.taken;
  if (taken)
    return not(
      'KeyTaken',
      `The SSH key ${taken.key} is registered with user ${taken.owner} and does not log in here. Remove it from one of the two.`,
    );
  const [unreadable] = keys.unreadable;
  if (unreadable) return not('KeyUnusable', `An SSH key cannot be used: ${unreadable}.`);
  const message = 'Namespace, rights and keys are as declared.';
  return { ...not('Ready', message), status: 'True' };
}

function remain(name: string, workspaces: string[]): string {
  const more = workspaces.length > NAMES ? `, and ${workspaces.length - NAMES} more` : '';
  const what = `${workspaces.slice(0, NAMES).join(', ')}${more}`;
  return `Workspaces are left in namespace ${name}: ${what}. Delete them; or the namespace with everything in it: kubectl annotate users.nexus.dev ${name} ${ANNOTATION_FORCE_DELETE}=true; or keep it as nobody's: kubectl label namespace ${name} ${LABEL_USER}-`;
}
