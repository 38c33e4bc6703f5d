/** Service accounts as the API server sees them when they make a request. */
export const ACCOUNT_PREFIX = 'system:serviceaccount:';

export const accountUser = (namespace: string, name: string): string =>
  `${ACCOUNT_PREFIX}${namespace}:${name}`;

export const groupsOfAccount = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** Extra of a token that was requested: which one it is. */
export const EXTRA_CREDENTIAL = 'authentication.kubernetes.io/credential-id';
