/** Refusals that several files expect, word for word. */

export const NOT_FOUND = {
  status: 404,
  error: 'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
};

export const INTERNAL_ERROR = {
  status: 500,
  error: 'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.',
};

export const unprocessable = (error: string) => ({ status: 422, error });

export const databaseUnavailable = (retryAfter: number) => ({
  status: 503,
  error: 'The database does not answer now: send the same request again later, which is safe.',
  headers: { 'retry-after': String(retryAfter) },
});
