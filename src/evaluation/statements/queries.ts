/** All statements on evaluations, for the test that writes compiled.ts. The Worker imports that, and nothing of this. */
import { create, explainCreate } from './create.ts';
import { get, history, list } from './read.ts';
import { explainUpdate, update } from './update.ts';

export const queries = { create, explainCreate, update, explainUpdate, get, list, history };
