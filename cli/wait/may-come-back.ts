import { isApiError } from '../../controller/kit/errors.ts';

/** Whether a server that answered so may only be starting again. Of a first answer it is not asked: a refusal stays one. */
export function mayComeBack(error: unknown): boolean {
  return isApiError(
    error,
    'Unreachable',
    'ServiceUnavailable',
    'TooManyRequests',
    'InternalError',
    'Timeout',
    'Expired',
    'Gone',
  );
}
