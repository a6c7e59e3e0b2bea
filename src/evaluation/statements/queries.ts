/** All statements on evaluations, for the test that writes compiled.ts. The Worker imports that, and nothing of this. */
import { create, explainCreate } from './create';
import { get, history, list } from './read';
import { explainUpdate, update } from './update';

export const queries = { create, explainCreate, update, explainUpdate, get, list, history };
