import { defineJob, discard, type, value } from '@millrace/engine'
import { reportTo } from '../nexmark/report.ts'
import { dirtySource } from './source.ts'

/** A count a key, as fast as it goes, over keys of which a given share is touched between two checkpoints. */
export default defineJob(
  'checkpoints-bench',
  { params: { keys: 100_000, dirtyShare: 1, durationMs: 10_000, reports: '' } },
  (env, { keys, dirtyShare, durationMs, reports }) => {
    reportTo(reports)
    env
      .fromSource(dirtySource({ keys, dirtyShare, durationMs }), { uid: 'records' })
      .keyBy(({ key }) => key)
      .process({
        emits: type<{ readonly key: number; readonly sum: number }>(),
        state: { sum: value<number>() },
        onElement({ key, amount }, ctx) {
          const sum = ((ctx.state.sum.get() ?? 0) + amount) | 0
          ctx.state.sum.set(sum)
          ctx.emit({ key, sum })
        },
      })
      .uid('sum')
      .sinkTo(discard())
      .uid('nowhere')
  },
)
