import { defineJob } from '@millrace/engine'
import { COUNT_KEYS } from './generator.ts'
import { queries } from './queries.ts'
import { reportTo } from './report.ts'

/** Any query of the bench, chosen by parameter, so that every worker builds the same. */
export default defineJob(
  'bench',
  {
    params: {
      query: 'count',
      events: 1_000_000,
      seed: 42,
      checksum: true,
      reports: '',
      crashAt: 0,
      keys: COUNT_KEYS,
      distribution: 'uniform',
      rowBytes: 0,
      fill: false,
    },
  },
  (env, { query, reports, ...params }) => {
    const build = queries[query]
    if (build === undefined) throw new Error(`no such query: ${query}; there are ${Object.keys(queries).join(', ')}`)
    reportTo(reports)
    build(env, params)
  },
)
