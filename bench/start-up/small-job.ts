import { collection, defineJob, print } from '@millrace/engine'

/** A small job as a newcomer writes it: an exchange, state, and lines on the standard output. */
export default defineJob('small', (env) => {
  env
    .fromSource(collection('to be or not to be that is the question'.split(' ')), { uid: 'words' })
    .keyBy((word) => word)
    .count()
    .uid('count')
    .map(({ key, count }) => `${key} ${count}`)
    .sinkTo(print())
    .uid('lines')
})
