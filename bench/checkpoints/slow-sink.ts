/**
 * npm run bench:slow-sink -- [--sink-ms 60] [--parallelism 2] [--fill-ms 45000] [--aligned-fill-ms 300000] [--measure-ms 600000] [--json]
 *
 * How long checkpoints take where the sink is ten times too slow: unaligned, unaligned after an aligned timeout, and aligned. Of the aligned ones only the first
 * is waited for that begins when all is full; `--measure-ms` at the most. That takes longer there: a source on the same thread comes to work between two batches only.
 */
import { parseArgs } from 'node:util'
import { median } from '../statistics.ts'
import { measureSlowSink, type SlowSinkOutcome } from './slow-sink-measure.ts'

const { values: flags } = parseArgs({
  options: {
    'sink-ms': { type: 'string', default: '60' },
    parallelism: { type: 'string', default: '2' },
    'fill-ms': { type: 'string', default: '45000' },
    'aligned-fill-ms': { type: 'string', default: '300000' },
    'measure-ms': { type: 'string', default: '600000' },
    json: { type: 'boolean', default: false },
  },
})

const UNALIGNED_MEASURE_MS = 20_000
const INTERVAL_MS = 1_000
const measureMs = Number(flags['measure-ms'])

interface Kind {
  readonly name: string
  readonly checkpointing: { readonly unaligned?: boolean; readonly alignedTimeout?: number }
  readonly isAligned: boolean
  /** What is asked of it, and whether it was met. */
  readonly verdict: (outcome: SlowSinkOutcome) => string
}

const UNALIGNED_MAX_MS = 1_000
const ALIGNED_MIN_MS = 60_000

function longestOf({ durationsMs, unfinishedMs = 0 }: SlowSinkOutcome): number {
  return Math.max(...durationsMs, unfinishedMs)
}

function judge(asked: string, isMet: boolean): string {
  return ` (asked: ${asked}: ${isMet ? 'met' : 'NOT met'})`
}

const kinds: readonly Kind[] = [
  {
    name: 'unaligned',
    checkpointing: { unaligned: true },
    isAligned: false,
    verdict: (outcome) => judge('within 1 s', outcome.durationsMs.length > 0 && longestOf(outcome) <= UNALIGNED_MAX_MS),
  },
  { name: 'unaligned after 500 ms', checkpointing: { unaligned: true, alignedTimeout: 500 }, isAligned: false, verdict: () => '' },
  { name: 'aligned', checkpointing: {}, isAligned: true, verdict: (outcome) => judge('minutes', longestOf(outcome) >= ALIGNED_MIN_MS) },
]
for (const { name, checkpointing, isAligned, verdict } of kinds) {
  const fillMs = Number(isAligned ? flags['aligned-fill-ms'] : flags['fill-ms'])
  const outcome = await measureSlowSink({
    sinkMs: Number(flags['sink-ms']),
    parallelism: Number(flags.parallelism),
    fillMs,
    measureMs: isAligned ? measureMs : Math.min(measureMs, UNALIGNED_MEASURE_MS),
    untilFirst: isAligned,
    // An aligned one that begins before all is full would hold up the one that is asked for.
    intervalMs: isAligned ? fillMs + INTERVAL_MS : INTERVAL_MS,
    checkpointing,
  })
  process.stdout.write(flags.json ? `${JSON.stringify({ name, ...outcome })}\n` : `${describe(name, outcome)}${verdict(outcome)}\n`)
}

function describe(name: string, { durationsMs, inFlightBytes, unfinishedMs }: SlowSinkOutcome): string {
  if (durationsMs.length === 0)
    return `${name.padEnd(24)}none completed; after ${((unfinishedMs ?? 0) / 1_000).toFixed(1)} s it was still under way`
  const longest = Math.max(...durationsMs)
  const bytes = Math.round(median(inFlightBytes) / 1024)
  return `${name.padEnd(24)}${durationsMs.length} completed, ${median(durationsMs).toFixed(0)} ms in the median, ${longest.toFixed(0)} ms at most, ${bytes} KiB in flight`
}
