import { ApiError, type Cause } from '../kit/errors.ts';

/** What a refusal speaks of, in the forms that Kubernetes' sentences use. */
export interface Subject {
  /** Empty for the core group. */
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** `workspaces.nexus.dev`, or `secrets` in the core group. */
export function groupResource(subject: Pick<Subject, 'group' | 'plural'>): string {
  return subject.group ? `${subject.plural}.${subject.group}` : subject.plural;
}

/** `Workspace.nexus.dev`, or `Secret` in the core group. */
export function groupKind(subject: Pick<Subject, 'group' | 'kind'>): string {
  return subject.group ? `${subject.kind}.${subject.group}` : subject.kind;
}

const detailsOf = (subject: Subject, name: string) => ({
  ...(name && { name }),
  ...(subject.group && { group: subject.group }),
  kind: subject.plural,
});

/** What a client sent, in a sentence: text as it is, else as JSON. `String` fails on an object with a `toString` of its own. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export function notFound(subject: Subject, name: string): ApiError {
  return new ApiError('NotFound', `${groupResource(subject)} "${name}" not found`, detailsOf(subject, name));
}

/** For paths that nothing serves. */
export function noSuchResource(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

export function alreadyExists(subject: Subject, name: string): ApiError {
  return new ApiError(
    'AlreadyExists',
    `${groupResource(subject)} "${name}" already exists`,
    detailsOf(subject, name),
  );
}

export function conflict(
  subject: Subject,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): ApiError {
  return new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${groupResource(subject)} "${name}": ${why}`,
    detailsOf(subject, name),
  );
}

export function forbidden(subject: Subject, name: string, why: string, causes?: Cause[]): ApiError {
  return new ApiError(
    'Forbidden',
    `${groupResource(subject)} ${name ? `"${name}" ` : ''}is forbidden: ${why}`,
    { ...detailsOf(subject, name), ...(causes && { causes }) },
  );
}

/** 422 with every cause. `kind` of the details is the kind here, not the resource: that is how Kubernetes has it. */
export function invalid(subject: Pick<Subject, 'group' | 'kind'>, name: string, causes: Cause[]): ApiError {
  const all = causes.map(cause => (cause.field ? `${cause.field}: ${cause.message}` : `${cause.message}`));
  const texts = [...new Set(all)];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError('Invalid', `${groupKind(subject)} "${name}" is invalid: ${text}`, {
    ...(name && { name }),
    ...(subject.group && { group: subject.group }),
    kind: subject.kind,
    causes,
  });
}

/** 422 about a query parameter of a request for `kind` of meta.k8s.io, such as PatchOptions. */
export function invalidOptions(kind: string, causes: Cause[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind }, '', causes);
}

export function expired(message: string): ApiError {
  return new ApiError('Expired', message);
}

export function tooLargeResourceVersion(wanted: number, current: number): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

export function tooManyRequests(): ApiError {
  return new ApiError('TooManyRequests', 'Too many requests, please try again later.', {
    retryAfterSeconds: 1,
  });
}
