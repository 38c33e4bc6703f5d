import { SERVICE_ACCOUNT } from '../../../crds/kinds.ts';
import type { Namespace, ServiceAccount } from '../../../crds/object.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { type ControllerWatch, watch } from '../../runtime/controller.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER } from '../deps.ts';

export interface DefaultAccountOptions {
  client: Client;
  namespaces: Informer<Namespace>;
  accounts: Informer<ServiceAccount>;
}

/** The account that programs have in a namespace when nobody made them one. */
const NAME = 'default';

/** Every namespace has a service account `default`, from its first moment until it is deleted, as on Kubernetes. */
export function createDefaultAccount({ client, namespaces, accounts }: DefaultAccountOptions): Reconciler {
  return {
    name: 'default-account',
    async reconcile({ name: namespace }, { signal }) {
      const live = namespaces.get(namespace);
      if (!live || live.metadata.deletionTimestamp || accounts.get(NAME, namespace)) return done;
      const account: ServiceAccount = {
        apiVersion: 'v1',
        kind: SERVICE_ACCOUNT.kind,
        metadata: { name: NAME, namespace },
      };
      try {
        await client.create(SERVICE_ACCOUNT, account, { fieldManager: FIELD_MANAGER, signal });
      } catch (error) {
        if (!isApiError(error, 'AlreadyExists', 'NotFound')) throw error;
      }
      return done;
    },
  };
}

/** Namespaces that came, and accounts that went. */
export function defaultAccountWatches({
  namespaces,
  accounts,
}: Omit<DefaultAccountOptions, 'client'>): ControllerWatch[] {
  return [
    watch(namespaces, undefined, ({ old, now }) => !old && now !== undefined),
    watch(
      accounts,
      ({ metadata }) => (metadata.name === NAME ? [{ name: metadata.namespace ?? '' }] : []),
      ({ now }) => !now,
    ),
  ];
}
