/** The project in workerd of ../vitest.config.ts, with every mutant behind a switch and a runner that works on jobs. */
import { defineConfig } from 'vitest/config';
import base from '../vitest.config.ts';
import { root, switchPlugin } from './mutants.ts';

export default defineConfig(async (env) => {
  const config = await (
    base as (env: object) => Promise<{ test: { projects: { plugins: unknown[]; test: { provide: object } }[] } }>
  )(env);
  const [workerd] = config.test.projects;
  return {
    root,
    test: {
      silent: true,
      projects: [
        {
          ...workerd,
          plugins: [...workerd.plugins, switchPlugin()],
          test: {
            ...workerd.test,
            include: ['test/mutate/runner.ts'],
            runner: `${root}test/mutate/runner.ts`,
            passWithNoTests: true,
            provide: { ...workerd.test.provide, mutate: process.env['MUTATE_URL'] ?? '' },
          },
        },
      ],
    },
  };
});
