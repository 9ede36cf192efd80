// How often each path of a web server was asked for in each minute, written when the minute is over: a window by hand, of state and a timer.
//
//   millrace run examples/07-requests-per-minute.ts -p 2 --param input=/var/log/nginx/access.log --param follow=true
//
// Minutes are those of the requests' own time. A log is written when requests end, so a long one stands behind younger ones: a minute is closed only when
// lines from ten seconds after it have come. What is later still goes to a side output.
import { defineJob, files, fileSink, map, type, watermarks, type Stream, type StreamView } from 'millrace'
import { parseAccessLogLine } from './shared/parse-access-log.ts'

export interface Request {
  readonly path: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface MinuteCount {
  readonly path: string
  /** When the minute began, milliseconds since 1970. */
  readonly minute: number
  readonly count: number
}

const MINUTE_MS = 60_000

/** Requests that come after their minute has been written are in `late`. */
export function countsPerMinute(requests: Stream<Request>): {
  readonly counts: StreamView<MinuteCount>
  readonly late: StreamView<Request>
} {
  const counts = requests
    .keyBy((request) => request.path)
    .process({
      emits: type<MinuteCount>(),
      sides: { late: type<Request>() },
      state: { counts: map<number, number>() },
      onElement(request, ctx) {
        const minute = Math.floor(request.at / MINUTE_MS) * MINUTE_MS
        const last = minute + MINUTE_MS - 1
        if (last <= ctx.eventTimers.watermark) return ctx.emitTo('late', request)
        ctx.state.counts.set(minute, (ctx.state.counts.get(minute) ?? 0) + 1)
        ctx.eventTimers.at(last)
      },
      onEventTimer(last, ctx) {
        const minute = last + 1 - MINUTE_MS
        ctx.emit({ path: ctx.key, minute, count: ctx.state.counts.get(minute) ?? 0 })
        ctx.state.counts.delete(minute)
      },
    })
    .uid('count-per-minute')
  return { counts, late: counts.side.late }
}

function requestOf(line: string): readonly Request[] {
  const entry = parseAccessLogLine(line)
  return entry === undefined ? [] : [{ path: entry.target.replace(/[?#].*/s, ''), at: entry.at }]
}

/** A line that holds no request says nothing about time either. */
function timeOf(line: string): number {
  return parseAccessLogLine(line)?.at ?? 0
}

const params = {
  /** A log, a folder of logs, or a pattern; also compressed. */
  input: 'examples/data/access.log.gz',
  output: 'counts-per-minute',
  /** Go on at the end of the log, as it grows and is rotated. */
  follow: false,
}

export default defineJob('requests-per-minute', { params }, (env, { input, output, follow }) => {
  const lines = env.fromSource(files({ path: input, follow, discoverEvery: '200ms' }), {
    uid: 'access-log',
    watermarks: watermarks.boundedOutOfOrderness('10s', timeOf, { idleAfter: '30s' }),
  })
  const { counts, late } = countsPerMinute(lines.flatMap(requestOf).name('requests'))
  counts
    .map(({ path, minute, count }) => `${new Date(minute).toISOString().slice(0, 16)} ${path} ${count}`)
    .union(late.map(({ path, at }) => `${new Date(at).toISOString()} ${path} late`))
    .sinkTo(fileSink({ dir: output }))
    .uid('counts')
})
