/**
 * npm run bench:slow-sink -- [--sink-ms 5] [--parallelism 2] [--fill-ms 20000] [--measure-ms 180000] [--json]
 *
 * How long checkpoints take where the sink is ten times too slow: unaligned, unaligned after an aligned timeout, and aligned.
 */
import { parseArgs } from 'node:util'
import { median } from '../statistics.ts'
import { measureSlowSink, type SlowSinkOutcome } from './slow-sink-measure.ts'

const { values: flags } = parseArgs({
  options: {
    'sink-ms': { type: 'string', default: '5' },
    parallelism: { type: 'string', default: '2' },
    'fill-ms': { type: 'string', default: '20000' },
    'measure-ms': { type: 'string', default: '180000' },
    json: { type: 'boolean', default: false },
  },
})

const kinds = [
  { name: 'unaligned', checkpointing: { unaligned: true } },
  { name: 'unaligned after 500 ms', checkpointing: { unaligned: true, alignedTimeout: 500 } },
  { name: 'aligned', checkpointing: {} },
]
for (const { name, checkpointing } of kinds) {
  const outcome = await measureSlowSink({
    sinkMs: Number(flags['sink-ms']),
    parallelism: Number(flags.parallelism),
    fillMs: Number(flags['fill-ms']),
    measureMs: name === 'aligned' ? Number(flags['measure-ms']) : 20_000,
    intervalMs: 1_000,
    checkpointing,
  })
  process.stdout.write(flags.json ? `${JSON.stringify({ name, ...outcome })}\n` : `${describe(name, outcome)}\n`)
}

function describe(name: string, { durationsMs, inFlightBytes, unfinishedMs }: SlowSinkOutcome): string {
  if (durationsMs.length === 0)
    return `${name.padEnd(24)}none completed; after ${((unfinishedMs ?? 0) / 1_000).toFixed(1)} s it was still under way`
  const longest = Math.max(...durationsMs)
  const bytes = Math.round(median(inFlightBytes) / 1024)
  return `${name.padEnd(24)}${durationsMs.length} completed, ${median(durationsMs).toFixed(0)} ms in the median, ${longest.toFixed(0)} ms at most, ${bytes} KiB in flight`
}
