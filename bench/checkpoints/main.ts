/**
 * npm run bench:checkpoints -- [--keys 100000] [--dirty 1,0.01] [--checkpoints 32] [--window-ms 1000] [--parallelism 1] [--warm-up-ms 5000] [--json]
 *
 * What checkpoints cost, in one job: a checkpoint is taken every second window, so windows with and without alternate, and each is compared with
 * its two neighbours. The given share of the keys is dirty at each checkpoint. 95 % interval by bootstrap over the windows.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob } from '@millrace/engine'
import { median } from '../statistics.ts'
import type { Diary } from './source.ts'
import { lostShare, pausesOf, windowsOf } from './windows.ts'
import { WrittenBytesLog } from './written-bytes.ts'

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    dirty: { type: 'string', default: '1,0.01' },
    checkpoints: { type: 'string', default: '32' },
    'window-ms': { type: 'string', default: '1000' },
    parallelism: { type: 'string', default: '1' },
    'warm-up-ms': { type: 'string', default: '5000' },
    json: { type: 'boolean', default: false },
  },
})
const keys = Number(flags.keys)
const windowMs = Number(flags['window-ms'])
const warmUpMs = Number(flags['warm-up-ms'])
const parallelism = Number(flags.parallelism)

/** Windows at the ends that have no neighbour, and time for the last checkpoint. */
const WINDOWS_MORE = 4

interface RunOutcome {
  readonly diaries: readonly Diary[]
  readonly written: WrittenBytesLog
}

async function run(dirtyShare: number): Promise<RunOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const written = new WrittenBytesLog()
  try {
    const durationMs = warmUpMs + (2 * Number(flags.checkpoints) + WINDOWS_MORE) * windowMs
    const running = runJob({
      modulePath: join(import.meta.dirname, 'job.ts'),
      restore: 'none',
      params: { keys: flags.keys, dirtyShare: String(dirtyShare), durationMs: String(durationMs), reports: folder },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism,
          stateDir: join(folder, 'state'),
          checkpointing: { interval: 2 * windowMs },
          restart: { strategy: 'none' },
        },
      }),
      onEvent: (event) => {
        if (event.kind === 'checkpoint-completed' && !event.final) written.add(event.checkpoint.path!)
        if (event.kind === 'checkpoint-failed') process.stderr.write(`a checkpoint failed: ${event.error.message}\n`)
      },
    })
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    const names = readdirSync(folder).filter((name) => name.startsWith('diary-'))
    return { diaries: names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Diary), written }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function summarize(dirtyShare: number, { diaries, written }: RunOutcome): object {
  const startMs = Math.max(...diaries.map(({ filledMs }) => filledMs)) + warmUpMs
  const windows = windowsOf(diaries, windowMs, startMs)
  if (windows.length === 0) throw new Error('no window was measured: the keys were not all there before the end; ask for more checkpoints')
  const { share, interval } = lostShare(windows)
  const isWith = (atMs: number): boolean => windows.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs)
  const measuredToMs = windows.at(-1)!.toMs + windowMs
  const isWithout = (atMs: number): boolean => atMs >= startMs && atMs < measuredToMs && !isWith(atMs)
  // Those of the measured time: the first ones hold all keys, whatever is dirty.
  const checkpoints = written.checkpoints.slice(-windows.length)
  const deltaBytes = median(checkpoints.map((checkpoint) => checkpoint.deltaBytes))
  return {
    keys,
    dirtyShare,
    parallelism,
    windowMs,
    checkpoints: windows.length,
    checkpointsBeyondTheirWindow: windows.filter(({ isContained }) => !isContained).length,
    recordsPerSecond: median(windows.map(({ withoutRate }) => withoutRate)),
    lostShare: share,
    lostShareLow: interval.low,
    lostShareHigh: interval.high,
    pausesWith: pausesOf(diaries, isWith),
    pausesWithout: pausesOf(diaries, isWithout),
    dirtyRows: median(checkpoints.map((checkpoint) => checkpoint.deltaRows)),
    deltaBytes,
    rollingFullBytes: median(checkpoints.map((checkpoint) => checkpoint.fullBytes)),
    fullBytes: written.fullBytes,
    deltaShareOfFull: deltaBytes / written.fullBytes,
  }
}

for (const share of flags.dirty.split(',').map(Number)) {
  const summary = summarize(share, await run(share))
  if (flags.json) console.log(JSON.stringify(summary))
  else console.log(summary)
}
