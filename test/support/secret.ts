/** The suite's own signing secret: it is valid for nothing but the Worker under test. */
export const SECRET = 'a-secret-of-the-test-suite-and-of-nothing-else';
