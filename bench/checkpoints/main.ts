/**
 * npm run bench:checkpoints -- [--keys 100000] [--dirty 1,0.01] [--checkpoints 32] [--window-ms 1000] [--parallelism 1] [--warm-up-ms MS] [--json]
 *                              [--backend heap,rocksdb] [--flink] [--alternations 1] [--out FILE.jsonl]
 *
 * What checkpoints cost, in one job: a checkpoint is taken every second window, so windows with and without alternate, and each is compared with
 * its two neighbours. The given share of the keys is dirty at each checkpoint. 95 % interval by bootstrap over the windows.
 *
 * Warmed up for 5 s, on RocksDB for 20 s and 20 windows: rows that stay as they are go to the database once they were in four checkpoints.
 *
 * `--flink`: in turn with a job of Flink's that does the same, for the durations of its checkpoints. What the out file holds is not run again.
 */
import { parseArgs } from 'node:util'
import type { Backend } from '../peers/engine-run.ts'
import { machineName } from '../peers/results.ts'
import { buildFlink, runFlink } from './flink-run.ts'
import { runOurs, type CheckpointPlan } from './our-run.ts'
import { appendLine, linesOf, verdict, type RunLine } from './results.ts'

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    dirty: { type: 'string', default: '1,0.01' },
    checkpoints: { type: 'string', default: '32' },
    'window-ms': { type: 'string', default: '1000' },
    parallelism: { type: 'string', default: '1' },
    'warm-up-ms': { type: 'string' },
    backend: { type: 'string', default: 'heap' },
    flink: { type: 'boolean', default: false },
    alternations: { type: 'string', default: '1' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const alternations = Number(flags.alternations)

const WARM_UP_MS = 5_000
const DATABASE_WARM_UP_MS = 20_000
const DATABASE_WARM_UP_WINDOWS = 20

function warmUpMs(backend: Backend, windowMs: number): number {
  if (flags['warm-up-ms'] !== undefined) return Number(flags['warm-up-ms'])
  return backend === 'heap' ? WARM_UP_MS : DATABASE_WARM_UP_MS + DATABASE_WARM_UP_WINDOWS * windowMs
}

function backendsOf(names: string): readonly Backend[] {
  return names.split(',').map((name) => {
    if (name === 'heap' || name === 'rocksdb') return name
    throw new RangeError(`the state backends are heap and rocksdb; there is no ${name}`)
  })
}

async function runOnce(engine: RunLine['engine'], plan: CheckpointPlan, alternation: number): Promise<RunLine> {
  const run = engine === 'millrace' ? await runOurs(plan) : await runFlink(plan)
  return { ...plan, engine, alternation, run, machine: machineName(), at: new Date().toISOString() } as RunLine
}

function tell(line: RunLine): void {
  const { backend, keys, dirtyShare, parallelism, windowMs } = line
  const shown = {
    engine: line.engine,
    backend,
    keys,
    dirtyShare,
    parallelism,
    windowMs,
    ...(line.engine === 'flink' ? line.run : line.run.summary),
  }
  if (flags.json) console.log(JSON.stringify(shown))
  else console.log(shown)
}

/** Answers all runs of the plan, those that the out file held already among them. */
async function alternate(plan: CheckpointPlan): Promise<readonly RunLine[]> {
  const known = flags.out === undefined ? [] : linesOf(flags.out, plan).filter((line) => line.alternation <= alternations)
  const lines = [...known]
  const engines: readonly RunLine['engine'][] = flags.flink ? ['millrace', 'flink'] : ['millrace']
  for (let alternation = 1; alternation <= alternations; alternation++) {
    for (const engine of engines) {
      if (known.some((line) => line.alternation === alternation && line.engine === engine)) continue
      const line = await runOnce(engine, plan, alternation)
      if (flags.out !== undefined) appendLine(flags.out, line)
      tell(line)
      lines.push(line)
    }
  }
  return lines
}

if (flags.flink) await buildFlink()
const verdicts: string[] = []
for (const backend of backendsOf(flags.backend)) {
  for (const dirtyShare of flags.dirty.split(',').map(Number)) {
    const windowMs = Number(flags['window-ms'])
    const plan: CheckpointPlan = {
      backend,
      keys: Number(flags.keys),
      dirtyShare,
      parallelism: Number(flags.parallelism),
      checkpoints: Number(flags.checkpoints),
      windowMs,
      warmUpMs: warmUpMs(backend, windowMs),
    }
    verdicts.push(verdict(plan, await alternate(plan)))
  }
}
if (!flags.json) console.log(`\n${verdicts.join('\n')}\n${machineName()}`)
