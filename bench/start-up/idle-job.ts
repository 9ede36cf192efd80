import { defineJob, discard, generator } from '@millrace/engine'

/** A job that nothing comes in for: a record an hour. */
export default defineJob('idle', (env) => {
  env
    .fromSource(generator({ ratePerSecond: 1 / 3600, generate: (index) => index }), { uid: 'numbers' })
    .keyBy((index) => index % 10)
    .count()
    .uid('count')
    .sinkTo(discard())
    .uid('nowhere')
})
