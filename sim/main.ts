/** npm run sim -- --seeds N --first-seed S: the whole engine under failures, N times; a failing seed prints the command that replays it. */
import { parseArgs } from 'node:util'
import { runSeed, type Situations } from './seed.ts'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '200' }, 'first-seed': { type: 'string', default: '1' } } })
const first = Number(values['first-seed'])
const count = Number(values.seeds)
const total: Situations = {}
let failed = 0
const startMs = performance.now()
for (let seed = first; seed < first + count; seed++) {
  try {
    for (const [situation, times] of Object.entries(await runSeed(seed))) total[situation] = (total[situation] ?? 0) + times
  } catch (error) {
    failed++
    console.error(`seed ${seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    console.error(`replay it with: npm run sim -- --seeds 1 --first-seed ${seed}`)
  }
}
for (const [situation, times] of Object.entries(total).toSorted(([a], [b]) => a.localeCompare(b)))
  console.log(`${String(times).padStart(8)}  ${situation}`)
console.log(`${count - failed} passed, ${failed} failed, in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
process.exitCode = failed > 0 ? 1 : 0
