// How often each path of a web server was asked for, kept up to date while the server writes its log.
//
//   millrace run examples/01-access-count.ts -p 2 --checkpoint-interval 1s --param input=/var/log/nginx/access.log --param follow=true
//
// Each request writes one line, the path and its count so far: `/docs 17`. The count is state, the offset in the log is state, and the files
// of the output are published when a checkpoint completes. So whatever is killed when, each request is counted once and written once.
import { defineJob, files, fileSink } from 'millrace'
import { parseAccessLogLine } from './shared/parse-access-log.ts'

/** `/docs?page=2` and `/docs` are one page. */
function pathOf(target: string): string {
  const end = target.search(/[?#]/)
  return end < 0 ? target : target.slice(0, end)
}

const params = {
  /** A log, a folder of logs, or a pattern; also compressed. */
  input: 'examples/data/access.log.gz',
  output: 'counts',
  /** Go on at the end of the log, as it grows and is rotated. */
  follow: false,
}

export default defineJob('access-count', { params }, (env, { input, output, follow }) => {
  env
    .fromSource(files({ path: input, follow, discoverEvery: '200ms' }), { uid: 'access-log' })
    .flatMap((line) => {
      const request = parseAccessLogLine(line)
      return request === undefined ? [] : [pathOf(request.target)]
    })
    .name('path of each request')
    .keyBy((path) => path)
    .count()
    .uid('count-per-path')
    .map(({ key, count }) => `${key} ${count}`)
    .sinkTo(fileSink({ dir: output }))
    .uid('counts')
})
