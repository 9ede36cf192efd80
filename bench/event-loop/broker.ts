/** The broker whose event loop is watched, forked with its folder. It says where it listens, and answers every message with what has delayed it since the last. */
import { createHistogram } from 'node:perf_hooks'
import { Log } from '@millrace/log'

/** By how many milliseconds ticks came late, and how much processor time the thread took between two: the rest of a delay is due to others on the machine. */
export interface LoopDelay {
  readonly ticks: number
  readonly late: Quantiles
  readonly held: Quantiles
}

export interface Quantiles {
  readonly p99: number
  readonly p999: number
  readonly largest: number
}

const MICROSECONDS_PER_MS = 1000
const TICK_MS = 1

const [dir = '', ...settings] = process.argv.slice(2)
const config = Object.fromEntries(settings.map((setting) => setting.split('=') as [string, string]))
const log = await Log.start({ dir, config })

const late = createHistogram()
const held = createHistogram()
let last = { atMs: performance.now(), usedMs: usedMs() }
setInterval(() => {
  const now = { atMs: performance.now(), usedMs: usedMs() }
  late.record(microseconds(now.atMs - last.atMs - TICK_MS))
  held.record(microseconds(now.usedMs - last.usedMs))
  last = now
}, TICK_MS).unref()

/** Of the main thread, so far. */
function usedMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / MICROSECONDS_PER_MS
}

function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * MICROSECONDS_PER_MS))
}

function quantiles(histogram: ReturnType<typeof createHistogram>): Quantiles {
  const of = (percent: number): number => histogram.percentile(percent) / MICROSECONDS_PER_MS
  return { p99: of(99), p999: of(99.9), largest: histogram.count === 0 ? 0 : histogram.max / MICROSECONDS_PER_MS }
}

process.on('message', () => {
  const delay: LoopDelay = { ticks: late.count, late: quantiles(late), held: quantiles(held) }
  late.reset()
  held.reset()
  process.send!(delay)
})
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)))
process.send!({ bootstrap: log.bootstrap })
