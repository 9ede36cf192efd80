/**
 * npm run bench:pairs -- --base FOLDER [--changed .] [--field cpuSeconds] [--launches 2] [--pairs 8] -- QUERY [flags of npm run bench]
 * as in: npm run bench:pairs -- --base ../before -- count --events 6000000 --parallelism 1
 *
 * One query by the code of two folders, in pairs: a run of the one, then the same run of the other, whichever is first by chance, while the other
 * process stands still. The two of a pair are as near in time as can be, so that what else happens on the machine falls on both; what is left
 * of it, the interval shows. Each of `--launches` starts a process for each folder, whose first run, the cold one, does not count, and makes
 * `--pairs` pairs. `--field`: any number of a run's result. Ends with an error where the two give different rows.
 */
import { parseArgs } from 'node:util'
import type { ResultLine } from '../run.ts'
import { bootstrapInterval, median } from '../statistics.ts'
import { HeldRun } from './held-run.ts'

const { values: flags, positionals: settings } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: 'string' },
    changed: { type: 'string', default: '.' },
    field: { type: 'string', default: 'cpuSeconds' },
    launches: { type: 'string', default: '2' },
    pairs: { type: 'string', default: '8' },
  },
})

interface Pair {
  readonly base: number
  readonly changed: number
}

function fieldOf(result: ResultLine): number {
  const value: unknown = result[flags.field as keyof ResultLine]
  if (typeof value !== 'number') throw new Error(`a result has no number ${flags.field}; it has ${Object.keys(result).join(', ')}`)
  return value
}

function pairOf(base: ResultLine, changed: ResultLine): Pair {
  const rows = ({ outputs, count, checksum }: ResultLine): string => `${count} rows ${checksum} of ${outputs} outputs`
  if (rows(base) !== rows(changed)) throw new Error(`the two are not the same work: ${rows(base)}, and ${rows(changed)}`)
  return { base: fieldOf(base), changed: fieldOf(changed) }
}

async function launch(folder: string): Promise<Pair[]> {
  const pairs = Number(flags.pairs)
  const base = new HeldRun(folder, settings, pairs + 1)
  const changed = new HeldRun(flags.changed, settings, pairs + 1)
  try {
    // The cold ones.
    pairOf(await base.next(), await changed.next())
    const measured: Pair[] = []
    while (measured.length < pairs) {
      const results = new Map<HeldRun, ResultLine>()
      for (const run of Math.random() < 0.5 ? [base, changed] : [changed, base]) results.set(run, await run.next())
      measured.push(pairOf(results.get(base)!, results.get(changed)!))
    }
    return measured
  } finally {
    base.close()
    changed.close()
  }
}

function ratioOf(pairs: readonly Pair[]): number {
  return median(pairs.map(({ base, changed }) => changed / base))
}

if (flags.base === undefined || settings.length === 0) {
  console.error(
    'usage: npm run bench:pairs -- --base FOLDER [--changed .] [--field cpuSeconds] [--launches 2] [--pairs 8] -- QUERY [flags of npm run bench]',
  )
  process.exit(2)
}
// What stands still hears of no signal but this process's end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const pairs: Pair[] = []
for (let n = 0; n < Number(flags.launches); n++) {
  pairs.push(...(await launch(flags.base)))
  const { low, high } = bootstrapInterval(pairs, ratioOf)
  const of = (which: keyof Pair): string => median(pairs.map((pair) => pair[which])).toPrecision(4)
  console.log(
    `${flags.field} of ${pairs.length} pairs: ${of('base')} before, ${of('changed')} after; ratio ${ratioOf(pairs).toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`,
  )
}
