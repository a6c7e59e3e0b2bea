/** The secret with which the tests sign tokens. */
export const SECRET = 'a-secret-of-the-test-suite-and-of-nothing-else';

/** The secret with which the Worker under test signs the keys of links. */
export const LINK_SECRET = 'a-secret-of-links-in-the-test-suite-and-nothing-else';
