/** Error responses that several tests expect, with the exact text of `error`. */

export const NOT_FOUND = {
  status: 404,
  error:
    'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
};

export const INTERNAL_ERROR = {
  status: 500,
  error:
    'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.',
};

export const ID_IS_TAKEN = {
  status: 409,
  error:
    'Another evaluation of this account has this id, with other content: choose another id, or leave it out.',
};

export const LABEL_ID_IS_TAKEN = {
  status: 409,
  error:
    'Another label of the account, or a shared label, has this id: choose another id, or leave it out.',
};

export const LABEL_IS_ARCHIVED = {
  status: 422,
  error:
    'The evaluation label is archived and takes no new evaluations: use another label, or unarchive this one.',
};

export const BAD_LIMIT = { status: 400, error: 'limit must be a whole number from 1 to 1000.' };
export const BAD_LABEL_LIMIT = {
  status: 400,
  error: 'limit must be a whole number from 1 to 100.',
};
export const BAD_CURSOR = {
  status: 400,
  error: 'cursor must be one that came in a Link header, as it came.',
};

export const NO_CREDENTIALS = {
  status: 401,
  error: 'Send the header Authorization: Bearer <JWT>.',
  headers: { 'www-authenticate': 'Bearer' },
};

export const TOO_LARGE = { status: 413, error: 'The body must be at most 65536 bytes.' };

export const UNSUPPORTED = {
  status: 415,
  error:
    'Send the body as JSON with the header Content-Type: application/json, which fetch and axios do not set for a string.',
};

export const COMPRESSED = {
  status: 415,
  error: 'Send the body uncompressed, without the header Content-Encoding.',
};

export const RATE_LIMITED = {
  status: 429,
  error: 'Too many requests from this caller: send the same request again later.',
  headers: { 'retry-after': '10' },
};

export const makeUnprocessable = (error: string) => ({ status: 422, error });

export const refuseBadPathId = (name: string) => ({
  status: 400,
  error: `The ${name} in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`,
});

export const makeInvalidToken = (error: string) => ({
  status: 401,
  error,
  headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${error}"` },
});

export const makePreconditionFailed = (version: string) => ({
  status: 412,
  error: 'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
  headers: { etag: `"${version}"`, 'cache-control': 'no-store, no-transform' },
});

export const makeDatabaseUnavailable = (retryAfter: number) => ({
  status: 503,
  error:
    'The database does not answer now: send the same request again later. With an Idempotency-Key a write is stored once.',
  headers: { 'retry-after': String(retryAfter) },
});

export const LINK_NOT_FOUND = {
  status: 404,
  error:
    'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.',
};

export const LINK_INCOMPLETE = {
  status: 400,
  error:
    'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.',
};
