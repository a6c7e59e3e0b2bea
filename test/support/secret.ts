/** The suite's own signing secret: it is valid for nothing but the Worker under test. */
export const SECRET = 'a-secret-of-the-test-suite-and-of-nothing-else';

/** The suite's own secret that signs the keys of links. */
export const LINK_SECRET = 'a-secret-of-links-in-the-test-suite-and-nothing-else';
