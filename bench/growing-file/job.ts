import { defineJob, files, print, type, value } from '@millrace/engine'

/** Counts the lines of each key of a file that grows, and tells the number of all once the line "end" has come. */
export default defineJob('growing-file', { params: { path: '' } }, (env, { path }) => {
  env
    .fromSource(files({ path, follow: true }), { uid: 'lines' })
    .keyBy((line) => line.slice(0, line.indexOf(' ')))
    .process({
      emits: type<string>(),
      state: { count: value<number>() },
      onElement(line, ctx) {
        const count = (ctx.state.count.get() ?? 0) + 1
        ctx.state.count.set(count)
        if (line.startsWith('end ')) ctx.emit(`end ${count}`)
      },
    })
    .uid('count')
    .sinkTo(print())
    .uid('end')
})
