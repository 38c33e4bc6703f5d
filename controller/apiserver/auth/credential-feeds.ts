import { SECRET, SERVICE_ACCOUNT, USER } from '../../../crds/kinds.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Logger } from '../../kit/log.ts';
import type { Store, StoreEvent } from '../../store/store.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { StoreFeed } from '../store-feed.ts';

export interface CredentialFeedsParts {
  readonly store: Store;
  /** Called when a token may have ended with what it stands for or is bound to. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Any change of a User: its keys, its account, its suspension. Of the others only that one is gone, or another one. */
const CHANGES: readonly (readonly [
  resource: typeof USER | typeof SECRET,
  matters: (e: StoreEvent) => boolean,
])[] = [
  [USER, ({ previous }) => previous !== undefined],
  [SERVICE_ACCOUNT, ({ type }) => type === 'DELETE'],
  [SECRET, ({ type }) => type === 'DELETE'],
];

/** Follow the objects that tokens end with. */
export function credentialFeeds({ store, onChange, clock, log }: CredentialFeedsParts): StoreFeed[] {
  return CHANGES.map(
    ([resource, matters]) =>
      new StoreFeed({
        store,
        prefix: prefixOf(resource),
        what: resource.plural,
        sync: onChange,
        take: events => {
          if (events.some(matters)) onChange();
        },
        clock,
        log,
      }),
  );
}
