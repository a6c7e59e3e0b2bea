/** `npm run token` prints a development token and nothing else. */
import { readLocalSettings } from './dev-vars.ts';
import { mintToken, SAMPLE } from './mint.ts';
import { program } from './program.ts';

const HELP = `Mints a development token with the secret in .dev.vars.

  npm run -s token -- [options]

  --account ID     the account of the token (${SAMPLE.account})
  --subject ID     the author, the sub claim (${SAMPLE.subject})
  --expires SPAN   how long it is valid: 90s, 15m, 1h, 30d (1h)
  --run ID         restricts the token to this run
  --evaluation ID  restricts the token to this evaluation; use it with --run for a webhook sender
  --scope SCOPES   the scopes, separated by spaces (JWT_REQUIRED_SCOPE if that is set)
  --help           this text`;

const OPTIONS = {
  account: { type: 'string', default: SAMPLE.account },
  subject: { type: 'string', default: SAMPLE.subject },
  expires: { type: 'string', default: '1h' },
  run: { type: 'string' },
  evaluation: { type: 'string' },
  scope: { type: 'string' },
} as const;

await program(HELP, OPTIONS, async (values) =>
  console.log(await mintToken(await readLocalSettings(), values)),
);
