import { ApiError } from '../../kit/errors.ts';
import type { Logger } from '../../kit/log.ts';
import { StoreError } from '../../store/store.ts';
import { methodNotAllowed } from '../refusals.ts';
import { fromStoreError } from '../verbs/store-errors.ts';

interface HttpError extends Error {
  code?: string;
  statusCode?: number;
}

/** Any error as the API answers it. What nobody expected is logged, and told without its details. */
export function toApiError(error: unknown, log: Logger, bodyLimit: number): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError)
    return fromStoreError(
      error,
      { group: '', version: '', kind: '', plural: 'objects', namespaced: false },
      '',
    ) as ApiError;
  const { code, statusCode, message } = error as HttpError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimit}`);
  if (statusCode === 405) return methodNotAllowed();
  if (statusCode === 415) return new ApiError('UnsupportedMediaType', message);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new ApiError('BadRequest', message);
  log.error(
    { error: (error as Error)?.stack ?? String(error) },
    'a request failed in a way that nobody expected',
  );
  return new ApiError('InternalError', 'Internal error occurred; the log of the server says why', {
    causes: [{ message: 'unexpected error' }],
  });
}
