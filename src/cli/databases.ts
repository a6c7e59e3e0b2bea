/** `npm run migrate` and `npm run shared-labels`: what has to be so in each database that wrangler.toml binds. */
import { spawnSync } from 'node:child_process';
import { MAIN_DATABASE } from '../db/databases.ts';
import { boundNames, openDatabases, PLACE_OPTIONS, type Place, storeOf } from './d1-bindings.ts';
import { FLAG, program } from './program.ts';
import { compareLabels, copyLabels } from './shared-labels.ts';

const HELP = `npm run migrate -- [options]         applies the migrations to each database that wrangler.toml binds
npm run shared-labels -- [options]   fails if the shared labels of one are not those of ${MAIN_DATABASE}

  --copy       brings the others first what they lack, or have in an older version
  --remote     the real databases and not the local ones
  --env NAME   of the environment in wrangler.toml; production if left out
  --help       this text`;

/** One after the other, and none after one that fails: no Worker is deployed in front of a database without them. */
function migrate(place: Place): void {
  for (const name of boundNames(place)) {
    const args = ['d1', 'migrations', 'apply', name, place.remote ? '--remote' : '--local', `--env=${place.env}`];
    const { status } = spawnSync('wrangler', args, { stdio: 'inherit' });
    if (status !== 0)
      throw new Error(`The migrations of ${name} were not applied: fix that and repeat, which is safe.`);
  }
}

async function labels(place: Place, copy: boolean): Promise<void> {
  const databases = await openDatabases(place);
  try {
    const main = storeOf(databases, MAIN_DATABASE);
    const others = databases.stores.filter((store) => store !== main);
    if (copy) await copyLabels(main, others);
    const found = await compareLabels(main, others);
    if (found.length > 0) throw new Error(found.join('\n'));
    console.log(`The shared labels of ${databases.stores.length} databases are the same.`);
  } finally {
    await databases.close();
  }
}

const [, , command, ...args] = process.argv;

await program(
  HELP,
  { copy: FLAG, ...PLACE_OPTIONS },
  async (values) => {
    if (command === 'migrate') migrate(values);
    else if (command === 'shared-labels') await labels(values, values.copy);
    else throw new Error(HELP);
  },
  args,
);
